"""What the staff's pages need: the batch that has an event is found by its place in the log, and tests of connections."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("capture", "0010_nobodys_order")]

    operations = [
        migrations.CreateModel(
            name="ConnectionTest",
            fields=[
                (
                    "sink",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="connection_test",
                        serialize=False,
                        to="capture.sink",
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=150)),
                (
                    "begun_at",
                    models.DateTimeField(
                        help_text="When a worker took it; another may if it never ends.", null=True
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                ("seconds", models.FloatField(help_text="How long the sink took to answer.", null=True)),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        help_text="What was wrong, in the sink's own words; empty when it is well.",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="outboxbatch",
            index=models.Index(
                condition=models.Q(("is_replay", False)),
                fields=["sink", "first_xid", "first_id"],
                name="capture_batch_position",
            ),
        ),
    ]
