"""The one table that Django's own full text search and AND-then-OR ask."""

from typing import ClassVar

from django.contrib.postgres.search import SearchVectorField
from django.db import models


class PlainProduct(models.Model):
    """Made and filled by `bench.search.engines.postgres`."""

    sku = models.TextField(primary_key=True)
    document = SearchVectorField()

    class Meta:
        managed = False
        app_label = "plain"
        db_table = "bench_plain_product"
        ordering: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.sku
