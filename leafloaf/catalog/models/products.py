"""Products, and the names and shelves they stand under; what each costs now."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from leafloaf.catalog.models.functions import Normalised, ShelfKeys

SEPARATOR = " > "


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
    shelf_keys = models.GeneratedField(
        expression=ShelfKeys(F("name")), output_field=ArrayField(models.TextField()), db_persist=True
    )

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
        indexes: ClassVar = [models.Index(fields=["name", "sku"], name="catalog_product_listed")]

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
        indexes: ClassVar = [
            models.Index(fields=["product"], condition=Q(in_stock=False), name="catalog_offer_out"),
            models.Index(fields=["product"], condition=Q(price__isnull=True), name="catalog_offer_unpriced"),
        ]

    def __str__(self) -> str:
        return "on request" if self.price is None else f"{self.price} {self.currency}"
