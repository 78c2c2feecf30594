"""What all shoppers together did, counted from the log: docs/aggregates.md says what each number counts.

Nobody stands here, nor anything that leads to somebody. What needs different people to be told apart, such as cohorts
and the queries of a supplier, is counted anew as a whole and kept only where at least k people stand behind it.
"""

from django.db import models
from django.db.models.functions import Now


class DailyProduct(models.Model):
    """What was done with one product on one UTC day."""

    pk = models.CompositePrimaryKey("day", "product_id")
    day = models.DateField()
    product_id = models.CharField(max_length=64, help_text="The product's SKU.")
    views = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    adds = models.BigIntegerField(default=0, help_text="Times it was put into a cart.")
    purchases = models.BigIntegerField(default=0, help_text="Lines of orders.")

    def __str__(self) -> str:
        return f"{self.product_id} on {self.day}"


class DailyIntent(models.Model):
    """How many searches of one UTC day meant one thing."""

    pk = models.CompositePrimaryKey("day", "intent")
    day = models.DateField()
    intent = models.CharField(max_length=128, help_text="`unknown` where none was told.")
    searches = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.searches} {self.intent} on {self.day}"


class HourlyActivity(models.Model):
    """What was done in one hour of the shop's own clock, as far as it lies in one UTC day."""

    pk = models.CompositePrimaryKey("day", "hour")
    day = models.DateField()
    hour = models.DateTimeField(help_text="When it began.")
    searches = models.BigIntegerField(default=0)
    views = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    adds = models.BigIntegerField(default=0)
    orders = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "hourly activities"

    def __str__(self) -> str:
        return str(self.hour)


class ProductCategory(models.Model):
    """The category that the latest event to name one named for a product."""

    product_id = models.CharField(max_length=64, primary_key=True)
    category = models.CharField(max_length=256)
    named_at = models.DateTimeField()
    event_id = models.CharField(max_length=64, help_text="Decides between two that were named at once.")

    class Meta:
        verbose_name_plural = "product categories"

    def __str__(self) -> str:
        return f"{self.product_id} in {self.category}"


class DailyFunnel(models.Model):
    """How far the searches of one UTC day led."""

    day = models.DateField(primary_key=True)
    searches = models.BigIntegerField()
    with_results = models.BigIntegerField(help_text="Those that did not find nothing.")
    clicked = models.BigIntegerField(help_text="Those that a product was clicked from.")
    added = models.BigIntegerField(help_text="Those that a product was put into the cart from.")
    purchased = models.BigIntegerField(help_text="Those of which such a product was then ordered.")

    def __str__(self) -> str:
        return f"searches of {self.day}"


class DailySupplier(models.Model):
    """The searches of one UTC day that showed a supplier."""

    pk = models.CompositePrimaryKey("day", "supplier")
    day = models.DateField()
    supplier = models.CharField(max_length=256)
    searches = models.BigIntegerField()
    clicked = models.BigIntegerField(help_text="Those that a product, of whomever, was clicked from.")
    top_queries = models.JSONField(
        default=list, help_text="`{query, searches, shoppers}`, the most frequent first; k shoppers each."
    )

    def __str__(self) -> str:
        return f"{self.supplier} on {self.day}"


class Cohort(models.Model):
    """The people who shop about as often as each other; k of them at least."""

    cohort_id = models.CharField(max_length=16, primary_key=True)
    user_count = models.BigIntegerField()
    common_categories = models.JSONField(default=list, help_text="What most of them look at or buy.")
    avg_basket_size = models.FloatField(null=True, help_text="Different products an order.")

    def __str__(self) -> str:
        return f"{self.user_count} {self.cohort_id}"


class AggregateDay(models.Model):
    """How fresh the counts of one UTC day are."""

    day = models.DateField(primary_key=True)
    touches = models.BigIntegerField(default=0, help_text="Raised when events of the day appear.")
    counted_touches = models.BigIntegerField(default=0, help_text="As it was at the last count of people.")
    k = models.PositiveIntegerField(default=0, help_text="Shoppers a query needed at that count.")
    due_at = models.DateTimeField(db_default=Now(), help_text="People are not counted again before.")
    is_dirty = models.BooleanField(
        default=False, db_default=False, help_text="Events of it were erased: everything is counted anew."
    )

    def __str__(self) -> str:
        return str(self.day)


class AggregateReport(models.Model):
    """What is counted as a whole now and then."""

    name = models.CharField(max_length=16, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())
    k = models.PositiveIntegerField(default=0, help_text="People that a row needed.")
    counted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
