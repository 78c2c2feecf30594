"""What is remembered of one person: signals with their times, and nothing worked out from them.

Scores, diets and rhythms are worked out when they are asked for. So a day that somebody does not want remembered any
more, a feature switched off or a product that changes its shelf needs no recalculation, and nothing can be stale.
"""

from django.db import models
from django.db.models.functions import Now


class Profile(models.Model):
    """One row a person: raised with every change of what is known of them."""

    subject_id = models.UUIDField(primary_key=True)
    version = models.BigIntegerField(default=1, help_text="Another number after each change.")
    updated_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.subject_id)


class ProductHistory(models.Model):
    """What one person did with one product."""

    pk = models.CompositePrimaryKey("subject_id", "product_id")
    subject_id = models.UUIDField()
    product_id = models.CharField(max_length=64, help_text="The product's SKU.")
    marks = models.BinaryField(help_text="Signals with their times: `personalization.signals.marks`.")
    paid = models.BinaryField(default=b"", help_text="Prices paid, for those who allow it.")

    class Meta:
        verbose_name_plural = "product histories"

    def __str__(self) -> str:
        return f"{self.subject_id} {self.product_id}"
