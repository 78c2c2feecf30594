"""*Catalogue and merchandising*: what the shop sells, what is missing of it, and what changes its searches."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import F, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from leafloaf.catalog.models import MerchandisingRule, Synonym
from leafloaf.lib.headlines import Headline

MOST_COUNTED = 1000
LISTED = 50
SOON = timedelta(days=7)
SEARCH_ANALYTICS = "search-analytics"

# Every count ends at the limit; each is along an index, or ends early because most rows are found.
COUNTS = """
    SELECT (SELECT products FROM catalog_statistics), (SELECT refreshed_at FROM catalog_statistics),
           (SELECT count(*) FROM (SELECT FROM catalog_product LIMIT %(most)s) AS few),
           (SELECT count(*) FROM (SELECT FROM catalog_offer WHERE NOT in_stock LIMIT %(most)s) AS few),
           (SELECT count(*) FROM (SELECT FROM catalog_offer WHERE price IS NULL LIMIT %(most)s) AS few),
           (SELECT count(*) FROM (SELECT FROM catalog_product WHERE category_id IS NULL LIMIT %(most)s) AS few),
           (SELECT count(*) FROM (SELECT FROM catalog_product WHERE brand_id IS NULL LIMIT %(most)s) AS few),
           (SELECT count(*) FROM (SELECT FROM catalog_merchandisingrule
                                  WHERE is_active AND (starts_at IS NULL OR starts_at <= now())
                                        AND (ends_at IS NULL OR ends_at > now()) LIMIT %(most)s) AS few)
"""


@dataclass(frozen=True)
class Number:
    """A count that ends at `MOST_COUNTED`, and where its rows are."""

    title: str
    count: int
    address: str
    meaning: str

    @property
    def is_cut(self) -> bool:
        return self.count >= MOST_COUNTED


@dataclass(frozen=True)
class Counts:
    """The catalogue in numbers."""

    known: int
    """As last counted, at night and after a load."""
    counted_at: datetime | None
    products: int
    out_of_stock: int
    unpriced: int
    unshelved: int
    unbranded: int
    rules: int
    """In force."""

    @property
    def size(self) -> int:
        """The products: exactly while they are few."""
        return self.products if self.products < MOST_COUNTED else max(self.known, self.products)


class CatalogueAndMerchandising:
    """The page; what is pressed on it are links to the lists."""

    title = "Catalogue and merchandising"
    slug = "catalogue"
    permission = "catalog.view_product"
    template_name = "catalog/catalogue_dashboard.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now, user = timezone.now(), request.user
        sees_rules = user.has_perm("catalog.view_merchandisingrule")
        sees_synonyms = user.has_perm("catalog.view_synonym")
        return {
            "now": now,
            "counts": self._counts,
            "most": MOST_COUNTED,
            "numbers": numbers(self._counts),
            "sees_rules": sees_rules,
            "rules": rules(now) if sees_rules else [],
            "may_add_rule": user.has_perm("catalog.add_merchandisingrule"),
            "sees_synonyms": sees_synonyms,
            "synonyms": list(Synonym.objects.order_by("-pk")[:10]) if sees_synonyms else [],
            "may_add_synonym": user.has_perm("catalog.add_synonym"),
            "may_add_product": user.has_perm("catalog.add_product"),
            "sees_searches": user.has_perm("storefront.view_searchreport"),
            "search_analytics": SEARCH_ANALYTICS,
        }

    @cached_property
    def _counts(self) -> Counts:
        return counts()

    def headline(self, request: HttpRequest) -> Headline:
        if not (size := self._counts.size):
            return Headline("unknown", "No products yet: nothing can be found")
        rules = f"{self._counts.rules} rule{'' if self._counts.rules == 1 else 's'} in force"
        return Headline("healthy", f"{size:,} product{'' if size == 1 else 's'}, {rules}")


def counts() -> Counts:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"most": MOST_COUNTED})
        return Counts(*cursor.fetchone())


def numbers(counts: Counts) -> list[Number]:
    products = reverse("admin:catalog_product_changelist")
    return [
        Number(
            "Out of stock",
            counts.out_of_stock,
            f"{products}?offer__in_stock__exact=0",
            "Found all the same, and marked.",
        ),
        Number(
            "Without a price",
            counts.unpriced,
            f"{products}?missing=price",
            "Sold on request; no price bound finds them.",
        ),
        Number(
            "Without a category",
            counts.unshelved,
            f"{products}?missing=category",
            "On no shelf, and in no facet.",
        ),
        Number(
            "Without a brand", counts.unbranded, f"{products}?missing=brand", "No brand's name finds them."
        ),
    ]


@dataclass(frozen=True)
class Rule:
    """A rule that holds now or soon."""

    rule: MerchandisingRule
    now: datetime

    @property
    def holds(self) -> bool:
        return self.rule.starts_at is None or self.rule.starts_at <= self.now

    @property
    def ends_soon(self) -> bool:
        return self.rule.ends_at is not None and self.rule.ends_at - self.now < SOON


def rules(now: datetime) -> list[Rule]:
    """Those that hold and those that will, the next to end first."""
    to_come = MerchandisingRule.objects.filter(is_active=True).filter(Q(ends_at=None) | Q(ends_at__gt=now))
    ordered = to_come.select_related("within", "brand", "category").order_by(
        F("ends_at").asc(nulls_last=True), "priority", "pk"
    )
    return [Rule(rule, now) for rule in ordered[:LISTED]]
