"""Merchandising rules, and the products that they are about. A page kept from before a rule is not served after it."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

import leafloaf.catalog.models

# A search looks for rules by the first of their words.
FIRST_WORDS = "CREATE INDEX catalog_rule_first_word ON catalog_merchandisingrule ((query_words[1]))"
WATCH = "SELECT catalog_watch('catalog_merchandisingrule'), catalog_watch('catalog_placement')"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("catalog", "0007_versions"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="MerchandisingRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Staff see it where the rule had an effect.", max_length=100, unique=True
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("pin", "pin: show products in given places"),
                            ("boost", "boost: lift by a factor"),
                            ("bury", "bury: sink by a factor"),
                        ],
                        max_length=8,
                    ),
                ),
                ("is_active", models.BooleanField(db_default=True, default=True)),
                (
                    "query",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="What shoppers write. Capitals, accents and punctuation do not matter.",
                        max_length=256,
                    ),
                ),
                (
                    "match",
                    models.CharField(
                        choices=[("exact", "is exactly these words"), ("words", "has all these words")],
                        db_default="exact",
                        default="exact",
                        max_length=8,
                        verbose_name="the query",
                    ),
                ),
                (
                    "starts_at",
                    models.DateTimeField(
                        blank=True, help_text="Empty: from now on.", null=True, verbose_name="from"
                    ),
                ),
                (
                    "ends_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty: until it is switched off.",
                        null=True,
                        verbose_name="until",
                    ),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        db_default=100,
                        default=100,
                        help_text="Of two rules for one place, the one with the lower number has it.",
                    ),
                ),
                (
                    "factor",
                    models.FloatField(
                        blank=True,
                        help_text="What the score is multiplied by: boost 1 to 10, bury 0 to 1.",
                        null=True,
                    ),
                ),
                (
                    "query_key",
                    models.GeneratedField(
                        db_persist=True,
                        expression=leafloaf.catalog.models.Normalised(F("query")),
                        output_field=models.TextField(),
                    ),
                ),
                (
                    "query_words",
                    models.GeneratedField(
                        db_persist=True,
                        expression=leafloaf.catalog.models.Tokens(F("query")),
                        output_field=django.contrib.postgres.fields.ArrayField(
                            base_field=models.TextField(), size=None
                        ),
                    ),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.brand",
                        verbose_name="products of brand",
                    ),
                ),
                (
                    "category",
                    models.ForeignKey(
                        blank=True,
                        help_text="And of those below it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.category",
                        verbose_name="products of category",
                    ),
                ),
                (
                    "within",
                    models.ForeignKey(
                        blank=True,
                        help_text="The category that shoppers look at, or any below it. With a query too, both must hold.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.category",
                        verbose_name="in category",
                    ),
                ),
            ],
            options={
                "ordering": ["priority", "id"],
            },
        ),
        migrations.CreateModel(
            name="Placement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="For a pin, 1 to 50.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1, "A position is from 1 to 50."),
                            django.core.validators.MaxValueValidator(50, "A position is from 1 to 50."),
                        ],
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.product"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="placements",
                        to="catalog.merchandisingrule",
                    ),
                ),
            ],
            options={
                "verbose_name": "product",
                "ordering": ["position", "id"],
            },
        ),
        migrations.AddConstraint(
            model_name="merchandisingrule",
            constraint=models.CheckConstraint(
                condition=Q(
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    ("ends_at__gt", F("starts_at")),
                    _connector="OR",
                ),
                name="catalog_rule_ends_after_it_starts",
                violation_error_message="The end must be after the start.",
            ),
        ),
        migrations.AddConstraint(
            model_name="merchandisingrule",
            constraint=models.CheckConstraint(
                condition=Q(Q(("query", ""), _negated=True), ("within__isnull", False), _connector="OR"),
                name="catalog_rule_has_query_or_category",
                violation_error_message="Say when the rule holds: for a query, in a category, or both.",
            ),
        ),
        migrations.AddConstraint(
            model_name="merchandisingrule",
            constraint=models.CheckConstraint(
                condition=Q(
                    Q(
                        ("action", "pin"),
                        ("brand__isnull", True),
                        ("category__isnull", True),
                        ("factor__isnull", True),
                    ),
                    Q(
                        ("action", "boost"),
                        ("factor__gte", 1),
                        ("factor__isnull", False),
                        ("factor__lte", 10),
                    ),
                    Q(("action", "bury"), ("factor__gte", 0), ("factor__isnull", False), ("factor__lte", 1)),
                    _connector="OR",
                ),
                name="catalog_rule_factor_suits_its_action",
                violation_error_message="A boost has a factor of 1 to 10, a bury of 0 to 1, a pin none.",
            ),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.CheckConstraint(
                condition=Q(
                    ("position__isnull", True),
                    Q(("position__gte", 1), ("position__lte", 50)),
                    _connector="OR",
                ),
                name="catalog_placement_position_from_1_to_50",
            ),
        ),
        migrations.RunSQL(FIRST_WORDS, "DROP INDEX catalog_rule_first_word"),
        migrations.RunSQL(WATCH, migrations.RunSQL.noop),
    ]
