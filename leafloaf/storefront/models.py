"""What staff are told of searches, counted from the log. A text stands here only when enough shoppers wrote it."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class SearchReport(models.Model):
    """All searches of one range, as last counted; until then `counted_at` is null."""

    range = models.CharField(max_length=3, primary_key=True)
    due_at = models.DateTimeField(db_default=Now(), help_text="When it is to be counted again.")
    k = models.PositiveIntegerField(default=0, help_text="Shoppers that a query needed to be kept as text.")
    since = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True, help_text="What was received from then on is not counted.")
    searches = models.BigIntegerField(default=0)
    shoppers = models.BigIntegerField(default=0, help_text="Subjects, and visits of nobody known.")
    no_results = models.BigIntegerField(default=0, help_text="Searches that found nothing.")
    clicked = models.BigIntegerField(default=0, help_text="Searches that a product was chosen from.")
    choices = models.BigIntegerField(default=0, help_text="Products chosen of which the place is known.")
    places = models.BigIntegerField(default=0, help_text="The sum of those places.")
    half_ms = models.FloatField(null=True, help_text="Half of the searches were answered within.")
    most_ms = models.FloatField(null=True, help_text="95 of 100 searches were answered within.")
    browsing = models.BigIntegerField(default=0, help_text="Searches without a word.")
    queries = models.BigIntegerField(default=0, help_text="Different queries.")
    common_queries = models.BigIntegerField(default=0, help_text="Those of them that k shoppers made.")
    common_searches = models.BigIntegerField(default=0, help_text="The searches for those.")

    def __str__(self) -> str:
        return f"searches of {self.range}"


class SearchQuery(models.Model):
    """One query, normalised, that at least k different shoppers made in the range."""

    report = models.ForeignKey(SearchReport, on_delete=models.CASCADE, related_name="common")
    query = models.TextField()
    searches = models.BigIntegerField()
    shoppers = models.BigIntegerField()
    no_results = models.BigIntegerField()
    clicked = models.BigIntegerField()
    choices = models.BigIntegerField()
    places = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "search queries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report", "query"], name="one_count_per_query")
        ]

    def __str__(self) -> str:
        return self.query


class SearchIntent(models.Model):
    """The searches of a part of the range that meant one thing; an intent that is none of ours is the empty one."""

    report = models.ForeignKey(SearchReport, on_delete=models.CASCADE, related_name="intents")
    moment = models.DateTimeField()
    intent = models.CharField(max_length=32, blank=True)
    searches = models.BigIntegerField()
    no_results = models.BigIntegerField()
    clicked = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report", "moment", "intent"], name="one_count_per_intent")
        ]

    def __str__(self) -> str:
        return f"{self.searches} {self.intent} at {self.moment}"
