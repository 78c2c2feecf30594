"""What was recommended to whom, what came of it, and what somebody never wants to see again."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Exposure(models.Model):
    """One list as it was answered: enough to learn later what each place, source and reason was worth."""

    list_id = models.UUIDField(primary_key=True, help_text="Version 7: rises with time.")
    subject_id = models.UUIDField(null=True, help_text="Null for nobody known.")
    search_id = models.UUIDField(null=True, help_text="The search it came with, if with one.")
    surface = models.CharField(max_length=32)
    shown_at = models.DateTimeField()
    model_version = models.CharField(max_length=64, blank=True, help_text="Empty before anything is learned.")
    items = models.JSONField(
        help_text="For each slot, from 0: slot, position from 1, sku, score, source, reasons."
    )
    is_counted = models.BooleanField(
        default=False, db_default=False, help_text="Its impressions are counted."
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["subject_id"], condition=models.Q(subject_id__isnull=False), name="exposure_subject"
            ),
            models.Index(
                fields=["search_id"], condition=models.Q(search_id__isnull=False), name="exposure_search"
            ),
            models.Index(fields=["list_id"], condition=models.Q(is_counted=False), name="exposure_uncounted"),
        ]

    def __str__(self) -> str:
        return str(self.list_id)


class ExposureOutcome(models.Model):
    """That a product of a list was clicked, put into the cart or bought: once each, however often it was."""

    class Kind(models.TextChoices):
        CLICK = "click", "Click"
        ADD = "add", "Add to cart"
        PURCHASE = "purchase", "Purchase"

    pk = models.CompositePrimaryKey("list_id", "product_id", "kind")
    list_id = models.UUIDField(help_text="Of the exposure.")
    product_id = models.CharField(max_length=64, help_text="The product's SKU.")
    kind = models.CharField(max_length=8, choices=Kind)
    occurred_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} of {self.product_id}"


class ExposureCount(models.Model):
    """What the lists of one day came to, by source of the item; nobody is in it."""

    day = models.DateField(
        help_text="UTC day on which the lists were shown; what came later counts here too."
    )
    surface = models.CharField(max_length=32)
    source = models.CharField(max_length=16)
    model_version = models.CharField(max_length=64, blank=True)
    impressions = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    adds = models.BigIntegerField(default=0, db_default=0)
    purchases = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "surface", "source", "model_version"],
                name="one_exposure_count_per_day_and_source",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} on {self.day}"


class RecommendationMishap(models.Model):
    """How often a recommendation came too late, or a list could not be logged, by hour."""

    hour = models.DateTimeField()
    kind = models.CharField(max_length=16)
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hour", "kind"], name="one_mishap_count_per_hour")
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.kind} at {self.hour}"


class Dismissal(models.Model):
    """A product that somebody never wants to be recommended again; it stays so whatever else they allow."""

    pk = models.CompositePrimaryKey("subject_id", "product_id")
    subject_id = models.UUIDField()
    product_id = models.CharField(max_length=64, help_text="The product's SKU.")
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.subject_id} {self.product_id}"
