"""What a recount finds beside `held`, and where the live tables differ from the vocabulary."""

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("capture", "0003_volumes_and_notices")]

    operations = [
        migrations.AlterField(
            "outboxbatch",
            "recounted_at",
            models.DateTimeField(
                help_text="When its store was last asked what it holds of it; null since it was sent anew.",
                null=True,
            ),
        ),
        migrations.AddField(
            "outboxbatch",
            "doubled",
            models.PositiveIntegerField(
                db_default=0, help_text="How many of its events the store held more than once."
            ),
        ),
        migrations.AddIndex(
            "outboxbatch",
            models.Index(
                F("sink"),
                F("recounted_at").asc(nulls_first=True),
                condition=models.Q(state="delivered"),
                name="capture_batch_recount",
            ),
        ),
        migrations.AddIndex(
            "outboxbatch",
            models.Index(fields=["sink"], condition=models.Q(doubled__gt=0), name="capture_batch_doubled"),
        ),
        migrations.CreateModel(
            name="SchemaDrift",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sink", models.CharField(max_length=32)),
                ("table", models.CharField(max_length=512)),
                (
                    "column",
                    models.CharField(
                        blank=True, help_text="Empty when the table itself differs.", max_length=512
                    ),
                ),
                ("difference", models.TextField()),
                ("remedy", models.TextField()),
                ("found_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["sink", "table", "column", "difference"], name="one_drift_per_difference"
                    )
                ]
            },
        ),
    ]
