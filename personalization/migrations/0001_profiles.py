from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []

    operations: ClassVar = [
        migrations.CreateModel(
            name="Profile",
            fields=[
                ("subject_id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "version",
                    models.BigIntegerField(default=1, help_text="Another number after each change."),
                ),
                ("updated_at", models.DateTimeField(db_default=Now())),
            ],
        ),
        migrations.CreateModel(
            name="ProductHistory",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "subject_id",
                        "product_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("subject_id", models.UUIDField()),
                ("product_id", models.CharField(help_text="The product's SKU.", max_length=64)),
                (
                    "marks",
                    models.BinaryField(
                        help_text="Signals with their times: `personalization.signals.marks`."
                    ),
                ),
                (
                    "paid",
                    models.BinaryField(default=b"", help_text="Prices paid, for those who allow it."),
                ),
            ],
            options={"verbose_name_plural": "product histories"},
        ),
        # Room in each page for a row's next version, which then needs no new entry in the index.
        migrations.RunSQL(
            """
            ALTER TABLE personalization_profile SET (fillfactor = 80);
            ALTER TABLE personalization_producthistory SET (fillfactor = 80);
            """,
            migrations.RunSQL.noop,
        ),
    ]
