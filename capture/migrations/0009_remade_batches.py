"""Batches from which events were erased, and until when what was erased may still be on its way."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("capture", "0008_one_way_event_keys")]

    operations = [
        migrations.AddField(
            "outboxbatch",
            "remade_at",
            models.DateTimeField(help_text="When events were last erased from it.", null=True),
        ),
        migrations.AddField(
            "outboxbatch",
            "recalled_token",
            models.UUIDField(
                help_text="Of the worker from whom it was taken for that, in mid-delivery.", null=True
            ),
        ),
        migrations.AddField(
            "outboxbatch",
            "recalled_until",
            models.DateTimeField(
                help_text="Until then what was erased may still be on its way to the store.", null=True
            ),
        ),
        migrations.AddIndex(
            "outboxbatch",
            models.Index(
                fields=["recalled_until"],
                condition=models.Q(recalled_until__isnull=False),
                name="capture_batch_recalled",
            ),
        ),
    ]
