"""What the warehouse was given each day and what that took; which batches are in it already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("capture", "0012_promised"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboxbatch",
            name="is_counted",
            field=models.BooleanField(
                db_default=False,
                help_text="Its rows are in the days of usage: they cost nothing more when it is sent again.",
            ),
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("table_name", models.CharField(help_text="Empty for queries.", max_length=128)),
                ("mode", models.CharField(max_length=16)),
                ("requests", models.BigIntegerField(db_default=0)),
                ("sent_rows", models.BigIntegerField(db_default=0)),
                ("sent_bytes", models.BigIntegerField(db_default=0)),
                ("rows", models.BigIntegerField(db_default=0)),
                (
                    "row_bytes",
                    models.BigIntegerField(db_default=0, help_text="As the store counts them for storage."),
                ),
                (
                    "billed_bytes",
                    models.BigIntegerField(
                        db_default=0, help_text="As it counts them for writing or asking."
                    ),
                ),
                ("streams", models.BigIntegerField(db_default=0, help_text="Streams opened for writing.")),
                ("largest_rows", models.BigIntegerField(db_default=0, help_text="Of one request.")),
                ("largest_bytes", models.BigIntegerField(db_default=0, help_text="Of one request.")),
                (
                    "second",
                    models.DateTimeField(help_text="The second in which rows were last sent.", null=True),
                ),
                ("second_rows", models.BigIntegerField(db_default=0)),
                (
                    "busiest_rows",
                    models.BigIntegerField(db_default=0, help_text="The most rows sent in a second."),
                ),
                ("busiest_at", models.DateTimeField(null=True)),
                (
                    "hour",
                    models.DateTimeField(help_text="The hour in which streams were last opened.", null=True),
                ),
                ("hour_streams", models.BigIntegerField(db_default=0)),
                (
                    "busiest_streams",
                    models.BigIntegerField(db_default=0, help_text="The most streams opened in an hour."),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "table_name", "mode"), name="one_usage_per_day_table_and_mode"
                    )
                ],
            },
        ),
    ]
