from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies: ClassVar = [("personalization", "0001_profiles")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="LearnedVersion",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False, verbose_name="version")),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "lines",
                    models.PositiveIntegerField(help_text="Products of orders that it was learned from."),
                ),
                ("shoppers", models.PositiveIntegerField()),
                ("products", models.PositiveIntegerField()),
                ("days", models.PositiveIntegerField(help_text="From the first order to the last.")),
                (
                    "is_learned",
                    models.BooleanField(help_text="Weights for baskets; else the closed form answers."),
                ),
                (
                    "is_reorder_learned",
                    models.BooleanField(help_text="Likewise.", verbose_name="is learned for reorders"),
                ),
                (
                    "figures",
                    models.JSONField(
                        default=dict,
                        help_text="Measured on held-out orders: this fit, the version in use, the closed form.",
                    ),
                ),
                ("notes", models.TextField(blank=True, help_text="Why it is not in use, or what it lacks.")),
                ("fit_seconds", models.FloatField(default=0)),
                (
                    "peak_megabytes",
                    models.PositiveIntegerField(default=0, help_text="The largest its process has been."),
                ),
                ("content", models.BinaryField(help_text="`personalization.learning.packing`.")),
                ("is_active", models.BooleanField(default=False, verbose_name="in use")),
                ("activated_at", models.DateTimeField(null=True)),
                ("activated_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "verbose_name": "learned predictions",
                "verbose_name_plural": "learned predictions",
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("is_active", True)),
                        fields=("is_active",),
                        name="personalization_one_version_in_use",
                    )
                ],
            },
        ),
        # Packed already: Postgres need not try to press it once more.
        migrations.RunSQL(
            "ALTER TABLE personalization_learnedversion ALTER COLUMN content SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
    ]
