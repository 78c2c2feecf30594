"""What the shop has learned from all shoppers together, one row each time that it did."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class LearnedVersion(models.Model):
    """Read as a whole and never changed, but for which one is in use; its number is the version."""

    id = models.AutoField("version", primary_key=True)
    made_at = models.DateTimeField(db_default=Now())
    lines = models.PositiveIntegerField(help_text="Products of orders that it was learned from.")
    shoppers = models.PositiveIntegerField()
    products = models.PositiveIntegerField()
    days = models.PositiveIntegerField(help_text="From the first order to the last.")
    is_learned = models.BooleanField(help_text="Weights for baskets; else the closed form answers.")
    is_reorder_learned = models.BooleanField("is learned for reorders", help_text="Likewise.")
    figures = models.JSONField(
        default=dict, help_text="Measured on held-out orders: this fit, the version in use, the closed form."
    )
    notes = models.TextField(blank=True, help_text="Why it is not in use, or what it lacks.")
    fit_seconds = models.FloatField(default=0)
    peak_megabytes = models.PositiveIntegerField(default=0, help_text="The largest its process has been.")
    content = models.BinaryField(help_text="`personalization.learning.packing`.")
    is_active = models.BooleanField("in use", default=False)
    activated_at = models.DateTimeField(null=True)
    activated_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "learned predictions"
        verbose_name_plural = "learned predictions"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_active"], condition=Q(is_active=True), name="personalization_one_version_in_use"
            )
        ]

    def __str__(self) -> str:
        return f"Version {self.pk}"
