"""What the shop sells.

Postgres keeps what is derived (a category's path, the search rows) by triggers, so a product written by the admin,
the loader, the ORM or plain SQL is found at once. Every column has its default in the database for the same reason.
Price and stock stand in a row of their own: they change most, and must never touch a search row.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from leafloaf.catalog.text import normalise

SEPARATOR = " > "


class Normalised(Func):
    """The words of a text, as `leafloaf.catalog.text.normalise` gives them."""

    function = "catalog_normalise"
    output_field = models.TextField()


class Supplier(models.Model):
    name = models.CharField(max_length=200, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    name = models.CharField(max_length=200, unique=True)
    name_key = models.GeneratedField(
        expression=Normalised(F("name")), output_field=models.TextField(), db_persist=True
    )

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """A shelf inside another: `Dairy > Milk`. The path is kept by a trigger, for the shelves below as well."""

    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    path = models.TextField(unique=True, editable=False, db_default="")
    path_key = models.TextField(editable=False, db_default="")

    class Meta:
        verbose_name_plural = "categories"
        ordering: ClassVar = ["path"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(name__contains=">"),
                name="catalog_category_name_is_one_level",
                violation_error_message="A category's name is not empty and has no '>' in it.",
            ),
            models.UniqueConstraint(
                fields=["parent", "name"],
                nulls_distinct=False,
                name="catalog_category_one_of_a_name_in_its_place",
                violation_error_message="There is such a category already.",
            ),
        ]

    def __str__(self) -> str:
        return self.path

    def clean(self) -> None:
        """Refuse a parent that is the category itself or stands below it; the trigger would refuse it too."""
        above = self.parent
        while above is not None and self.pk is not None:
            if above.pk == self.pk:
                raise ValidationError({"parent": "A category cannot stand below itself."})
            above = above.parent


class Product(models.Model):
    sku = models.CharField("SKU", max_length=64, unique=True)
    name = models.CharField(max_length=300)
    brand = models.ForeignKey(
        Brand, on_delete=models.SET_NULL, null=True, blank=True, related_name="products"
    )
    category = models.ForeignKey(
        Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="products"
    )
    supplier = models.ForeignKey(
        Supplier, on_delete=models.SET_NULL, null=True, blank=True, related_name="products"
    )
    dietary = ArrayField(
        models.CharField(max_length=64),
        default=list,
        db_default=[],
        blank=True,
        help_text="Marks such as organic, gluten-free; a comma between them.",
    )
    size = models.CharField(max_length=100, default="", db_default="", blank=True)
    description = models.TextField(default="", db_default="", blank=True)
    attributes = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="Columns of the catalogue file that are not ours."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        ordering: ClassVar = ["name", "sku"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(sku="") & ~Q(name=""), name="catalog_product_has_sku_and_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Offer(models.Model):
    """What a product costs now; without a price it is sold on request, without a row it is in stock."""

    product = models.OneToOneField(
        Product, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="offer"
    )
    price = models.DecimalField(
        max_digits=10, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(max_length=3, default="CAD", db_default="CAD")
    in_stock = models.BooleanField(default=True, db_default=True)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price__gte=0), name="catalog_offer_price_is_not_negative"
            )
        ]

    def __str__(self) -> str:
        return "on request" if self.price is None else f"{self.price} {self.currency}"


class ProductSearch(models.Model):
    """How search sees a product. Written by triggers alone; `catalog_reindex(ids)` writes it anew."""

    product = models.OneToOneField(
        Product,
        on_delete=models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="search",
        editable=False,
    )
    brand = models.ForeignKey(
        Brand,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        editable=False,
    )
    category = models.ForeignKey(
        Category,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        editable=False,
    )
    name_key = models.TextField()
    brand_key = models.TextField()
    dietary = ArrayField(models.TextField())
    dietary_keys = ArrayField(models.TextField())

    def __str__(self) -> str:
        return self.name_key


class Phrase(Func):
    """The stems of a text's words."""

    function = "catalog_phrase"
    output_field = models.TextField()


class Phrases(Func):
    """The stems of each text's words."""

    function = "catalog_phrases"
    output_field = ArrayField(models.TextField())


class Synonym(models.Model):
    """Words that find what other words name. One-way: `soda` finds pop, but pop does not find soda."""

    class Language(models.TextChoices):
        ANY = "", "any"
        ENGLISH = "en", "English"
        FRENCH = "fr", "French"

    term = models.CharField(max_length=100, help_text="What shoppers write, a word or a phrase.")
    replacements = ArrayField(
        models.CharField(max_length=100), help_text="What finds it as well; a comma between them."
    )
    language = models.CharField(
        max_length=2, choices=Language.choices, default=Language.ANY, db_default="", blank=True
    )
    is_one_way = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Only the term finds the replacements, not the other way round.",
    )
    is_active = models.BooleanField(default=True, db_default=True)
    term_key = models.GeneratedField(
        expression=Phrase(F("term")), output_field=models.TextField(), db_persist=True
    )
    replacement_keys = models.GeneratedField(
        expression=Phrases(F("replacements")),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
    )

    class Meta:
        ordering: ClassVar = ["term"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["term", "language"], name="catalog_synonym_once_a_language"),
            models.CheckConstraint(
                condition=~Q(term="") & Q(replacements__len__gt=0), name="catalog_synonym_has_both_sides"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term}: {', '.join(self.replacements)}"


class Tokens(Func):
    """The words of a text, as `leafloaf.catalog.text.tokens` gives them."""

    template = "catalog_tokens(catalog_normalise(%(expressions)s))"
    output_field = ArrayField(models.TextField())


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
