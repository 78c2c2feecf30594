"""What a batch's sink has noted that it is about to commit."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("capture", "0011_explorer")]

    operations = [
        migrations.AddField(
            "outboxbatch",
            "promised",
            models.JSONField(
                help_text="What its sink said it would commit, before it did: BigQuery's streams by table.",
                null=True,
            ),
        ),
    ]
