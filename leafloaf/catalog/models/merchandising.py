"""What staff lift, sink and put in place."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from leafloaf.catalog.models.functions import Normalised, Tokens
from leafloaf.catalog.models.products import Brand, Category, Product
from leafloaf.catalog.text import normalise


class MerchandisingRule(models.Model):
    """What staff lift, sink or put in place for a query or in a category; `merchandising.py` applies it."""

    class Action(models.TextChoices):
        PIN = "pin", "pin: show products in given places"
        BOOST = "boost", "boost: lift by a factor"
        BURY = "bury", "bury: sink by a factor"

    class Match(models.TextChoices):
        EXACT = "exact", "is exactly these words"
        WORDS = "words", "has all these words"

    name = models.CharField(
        max_length=100, unique=True, help_text="Staff see it where the rule had an effect."
    )
    action = models.CharField(max_length=8, choices=Action)
    is_active = models.BooleanField(default=True, db_default=True)
    query = models.CharField(
        max_length=256,
        default="",
        db_default="",
        blank=True,
        help_text="What shoppers write. Capitals, accents and punctuation do not matter.",
    )
    match = models.CharField(
        "the query",
        max_length=8,
        choices=Match,
        default=Match.EXACT,
        db_default=Match.EXACT.value,
    )
    within = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="in category",
        help_text="The category that shoppers look at, or any below it. With a query too, both must hold.",
    )
    starts_at = models.DateTimeField("from", null=True, blank=True, help_text="Empty: from now on.")
    ends_at = models.DateTimeField(
        "until", null=True, blank=True, help_text="Empty: until it is switched off."
    )
    priority = models.PositiveSmallIntegerField(
        default=100,
        db_default=100,
        help_text="Of two rules for one place, the one with the lower number has it.",
    )
    factor = models.FloatField(
        null=True, blank=True, help_text="What the score is multiplied by: boost 1 to 10, bury 0 to 1."
    )
    brand = models.ForeignKey(
        Brand,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="products of brand",
    )
    category = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="products of category",
        help_text="And of those below it.",
    )
    query_key = models.GeneratedField(
        expression=Normalised(F("query")), output_field=models.TextField(), db_persist=True
    )
    query_words = models.GeneratedField(
        expression=Tokens(F("query")), output_field=ArrayField(models.TextField()), db_persist=True
    )

    class Meta:
        ordering: ClassVar = ["priority", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="catalog_rule_ends_after_it_starts",
                violation_error_message="The end must be after the start.",
            ),
            models.CheckConstraint(
                condition=~Q(query="") | Q(within__isnull=False),
                name="catalog_rule_has_query_or_category",
                violation_error_message="Say when the rule holds: for a query, in a category, or both.",
            ),
            models.CheckConstraint(
                condition=Q(action="pin", factor__isnull=True, brand__isnull=True, category__isnull=True)
                | Q(action="boost", factor__isnull=False, factor__gte=1, factor__lte=10)
                | Q(action="bury", factor__isnull=False, factor__gte=0, factor__lte=1),
                name="catalog_rule_factor_suits_its_action",
                violation_error_message="A boost has a factor of 1 to 10, a bury of 0 to 1, a pin none.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What a constraint refuses too, said beside the field."""
        faults: dict[str, str] = {}
        if self.query and not normalise(self.query):
            faults["query"] = "There is no word in this query."
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            faults["ends_at"] = "The end must be after the start."
        if faults := faults | self._faults_of_action():
            raise ValidationError(faults)

    def _faults_of_action(self) -> dict[str, str]:
        if self.action == self.Action.PIN:
            told = {"factor": "has no factor", "brand": "is of products", "category": "is of products"}
            return {
                field: f"A pin {why}: leave this empty."
                for field, why in told.items()
                if getattr(self, field) is not None
            }
        low, high = (1, 10) if self.action == self.Action.BOOST else (0, 1)
        if self.factor is None or not low <= self.factor <= high:
            return {"factor": f"A {self.action} needs a factor from {low} to {high}."}
        return {}


class Placement(models.Model):
    """A product that a rule is about; the position is where a pin shows it.

    Nothing here makes them unique within a rule: two that change places would be refused halfway.
    """

    rule = models.ForeignKey(MerchandisingRule, on_delete=models.CASCADE, related_name="placements")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[
            MinValueValidator(1, "A position is from 1 to 50."),
            MaxValueValidator(50, "A position is from 1 to 50."),
        ],
        help_text="For a pin, 1 to 50.",
    )

    class Meta:
        verbose_name = "product"
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(position__isnull=True) | Q(position__gte=1, position__lte=50),
                name="catalog_placement_position_from_1_to_50",
            )
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.product}" if self.position else str(self.product)
