"""How old the oldest open transaction is, over time."""

from django.db import migrations, models

import capture.models


class Migration(migrations.Migration):
    dependencies = [("capture", "0006_event_key_as_uuid")]

    operations = [
        migrations.CreateModel(
            name="HorizonReading",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("taken_at", models.DateTimeField(unique=True)),
                ("xid", capture.models.XidField(help_text="The transaction; 0 when none was open.")),
                ("age_seconds", models.FloatField(help_text="How long it had been open; 0 when none was.")),
                (
                    "held_by",
                    models.CharField(
                        blank=True,
                        help_text="The session's application and state, never what it asked.",
                        max_length=200,
                    ),
                ),
            ],
        ),
    ]
