"""What is bought together: sums over all baskets, and nobody's own.

No subject is stored, nor a basket. Of the shoppers behind a pair there is only which of 32 lots they fell into, drawn
by a hash with a salt of the table: as many shoppers at least as there are lots, and no way back to one of them.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class BasketTable(models.Model):
    """One count of the log's baskets, and how far it has come; a rebuild makes another beside the one that serves."""

    class State(models.TextChoices):
        BUILDING = "building", "Building"
        SERVING = "serving", "Serving"
        RETIRED = "retired", "Retired"

    id = models.AutoField(primary_key=True)
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING)
    salt = models.BigIntegerField(help_text="Of the hash that draws a shopper's lot.")
    baskets = models.BigIntegerField(default=0)
    shoppers_needed = models.PositiveSmallIntegerField(help_text="Its lists hold pairs of so many at least.")
    is_dirty = models.BooleanField(default=False, help_text="The log has lost events that it has counted.")
    last_id = models.BigIntegerField(
        default=0, help_text="Of the transaction that its watermark names, events up to this one are counted."
    )
    last_received_at = models.DateTimeField(
        null=True, help_text="When the last event was received: lets Postgres skip older partitions."
    )
    started_at = models.DateTimeField(db_default=Now())
    counted_at = models.DateTimeField(null=True, help_text="When it last had everything that the log had.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["state"], condition=~Q(state="retired"), name="personalization_one_table_per_state"
            )
        ]

    def __str__(self) -> str:
        return f"{self.state} table {self.pk}"

    @property
    def watermark(self) -> str:
        """The name of its row among capture's watermarks, which are moved along when a log is renumbered."""
        return f"baskets {self.pk}"


class BasketItem(models.Model):
    """A product, or a category with any of its products, and how many baskets held it."""

    class Kind(models.IntegerChoices):
        PRODUCT = 0, "Product"
        CATEGORY = 1, "Category"

    id = models.AutoField(primary_key=True)
    table = models.ForeignKey(
        BasketTable, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    kind = models.SmallIntegerField(choices=Kind)
    key = models.TextField(help_text="A product's SKU, a category's path.")
    baskets = models.IntegerField()
    is_due = models.BooleanField(default=True, help_text="Its companions are to be listed anew.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["table", "kind", "key"], name="personalization_one_item_per_key")
        ]
        indexes: ClassVar = [
            models.Index(fields=["table", "id"], condition=Q(is_due=True), name="personalization_item_due")
        ]

    def __str__(self) -> str:
        return self.key


class ItemPair(models.Model):
    """Two items of a table, the smaller id first, and how many baskets held both."""

    pk = models.CompositePrimaryKey("first_id", "second_id")
    first_id = models.IntegerField()
    second_id = models.IntegerField()
    together = models.IntegerField()
    lots = models.IntegerField(help_text="A bit for each of 32 lots that a shopper of both fell into.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["second_id"], name="personalization_pair_second")]

    def __str__(self) -> str:
        return f"{self.first_id} with {self.second_id}"


class ItemCompanions(models.Model):
    """What is served of the pairs: the nearest companions of an item that enough shoppers bought with it."""

    item_id = models.IntegerField(primary_key=True)
    companions = ArrayField(models.IntegerField(), help_text="Ids of items, the nearest first.")
    together = ArrayField(models.IntegerField(), help_text="How many baskets held both.")

    def __str__(self) -> str:
        return f"companions of {self.item_id}"


class Meal(models.Model):
    """A few products of different categories, each often bought with each other."""

    skus = ArrayField(models.TextField())
    score = models.FloatField(help_text="Mean similarity of its pairs.")
    lift = models.FloatField(help_text="Of its weakest pair.")
    made_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["skus"], name="personalization_meal_skus")]

    def __str__(self) -> str:
        return ", ".join(self.skus)
