"""How search sees a product, and which words stand for others."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from leafloaf.catalog.models.functions import Phrase, Phrases
from leafloaf.catalog.models.products import Brand, Category, Product


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
