import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.db import migrations, models

ENDED = ["certified", "cancelled"]


class Migration(migrations.Migration):
    dependencies = [("privacy", "0005_lookups")]

    operations = [
        migrations.CreateModel(
            name="PrivacyReport",
            fields=[
                ("name", models.CharField(max_length=16, primary_key=True, serialize=False)),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="When it is to be counted again.",
                    ),
                ),
                ("counted_at", models.DateTimeField(null=True)),
                ("numbers", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="RetentionNight",
            fields=[
                ("ran_at", models.DateTimeField(primary_key=True, serialize=False)),
                ("people", models.PositiveIntegerField()),
            ],
        ),
        migrations.AddIndex(
            model_name="consentrecord",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["at"], name="consent_by_time", autosummarize=True
            ),
        ),
        migrations.AddIndex(
            model_name="staffaccess",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["at"], name="access_by_time", autosummarize=True
            ),
        ),
        migrations.AddIndex(
            model_name="dataexport",
            index=models.Index(fields=["created_at"], name="export_by_time"),
        ),
        migrations.AddIndex(
            model_name="dataexport",
            index=models.Index(
                fields=["created_at"], condition=models.Q(state="requested"), name="export_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="deletionrequest",
            index=models.Index(
                fields=["created_at"],
                condition=models.Q(kind="erasure") & ~models.Q(state__in=ENDED),
                name="deletion_open",
            ),
        ),
        migrations.AddIndex(
            model_name="deletionrequest",
            index=models.Index(
                fields=["created_at"], condition=models.Q(kind="erasure"), name="deletion_received"
            ),
        ),
        migrations.AddIndex(
            model_name="deletionrequest",
            index=models.Index(
                fields=["ended_at"],
                condition=models.Q(kind="erasure", ended_at__isnull=False),
                name="deletion_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="deletionstep",
            index=models.Index(
                fields=["residual_until"],
                condition=models.Q(residual_until__isnull=False),
                name="deletion_residual",
            ),
        ),
    ]
