"""What the privacy metrics are counted into: numbers that name nobody."""

from django.db import models
from django.db.models.functions import Now


class PrivacyReport(models.Model):
    """The numbers as last counted, those of people already rounded; until then `counted_at` is null."""

    name = models.CharField(max_length=16, primary_key=True)
    due_at = models.DateTimeField(db_default=Now(), help_text="When it is to be counted again.")
    counted_at = models.DateTimeField(null=True)
    numbers = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class RetentionNight(models.Model):
    """That retentions were enforced, and of how many people something had grown too old; not of whom."""

    ran_at = models.DateTimeField(primary_key=True)
    people = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.people} at {self.ran_at}"
