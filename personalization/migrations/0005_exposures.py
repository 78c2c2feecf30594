from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [("personalization", "0004_aggregates")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Dismissal",
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
                ("at", models.DateTimeField(db_default=Now())),
            ],
        ),
        migrations.CreateModel(
            name="ExposureOutcome",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "list_id",
                        "product_id",
                        "kind",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("list_id", models.UUIDField(help_text="Of the exposure.")),
                ("product_id", models.CharField(help_text="The product's SKU.", max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[("click", "Click"), ("add", "Add to cart"), ("purchase", "Purchase")],
                        max_length=8,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Exposure",
            fields=[
                (
                    "list_id",
                    models.UUIDField(
                        help_text="Version 7: rises with time.", primary_key=True, serialize=False
                    ),
                ),
                ("subject_id", models.UUIDField(help_text="Null for nobody known.", null=True)),
                ("search_id", models.UUIDField(help_text="The search it came with, if with one.", null=True)),
                ("surface", models.CharField(max_length=32)),
                ("shown_at", models.DateTimeField()),
                (
                    "model_version",
                    models.CharField(
                        blank=True, help_text="Empty before anything is learned.", max_length=64
                    ),
                ),
                (
                    "items",
                    models.JSONField(
                        help_text="For each slot, from 0: slot, position from 1, sku, score, source, reasons."
                    ),
                ),
                (
                    "is_counted",
                    models.BooleanField(
                        db_default=False, default=False, help_text="Its impressions are counted."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("subject_id__isnull", False)),
                        fields=["subject_id"],
                        name="exposure_subject",
                    ),
                    models.Index(
                        condition=models.Q(("search_id__isnull", False)),
                        fields=["search_id"],
                        name="exposure_search",
                    ),
                    models.Index(
                        condition=models.Q(("is_counted", False)),
                        fields=["list_id"],
                        name="exposure_uncounted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExposureCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "day",
                    models.DateField(
                        help_text="UTC day on which the lists were shown; what came later counts here too."
                    ),
                ),
                ("surface", models.CharField(max_length=32)),
                ("source", models.CharField(max_length=16)),
                ("model_version", models.CharField(blank=True, max_length=64)),
                ("impressions", models.BigIntegerField(db_default=0, default=0)),
                ("clicks", models.BigIntegerField(db_default=0, default=0)),
                ("adds", models.BigIntegerField(db_default=0, default=0)),
                ("purchases", models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "surface", "source", "model_version"),
                        name="one_exposure_count_per_day_and_source",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RecommendationMishap",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("kind", models.CharField(max_length=16)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hour", "kind"), name="one_mishap_count_per_hour")
                ],
            },
        ),
    ]
