"""*Catalogue and merchandising* as gauges."""

from collections.abc import Iterable

from prometheus_client import Metric

from leafloaf.catalog import catalogue_dashboard
from leafloaf.lib.metering import Readings, gauge

PRODUCTS = gauge("leafloaf_products", "Products of the catalogue; from 1,000 on as counted at night.")
COUNTED = gauge("leafloaf_products_counted_timestamp_seconds", "When they were counted.")
LACKING = gauge(
    "leafloaf_products_lacking",
    "Products without `stock`, `price`, `category` or `brand`; at most 1,000 are counted.",
    "what",
)
RULES = gauge("leafloaf_merchandising_rules", "Rules that are in force.")


def read() -> Iterable[Metric]:
    readings, counts = Readings(), catalogue_dashboard.counts()
    readings.add(PRODUCTS, counts.size)
    readings.add(COUNTED, counts.counted_at)
    readings.add(LACKING, counts.out_of_stock, "stock")
    readings.add(LACKING, counts.unpriced, "price")
    readings.add(LACKING, counts.unshelved, "category")
    readings.add(LACKING, counts.unbranded, "brand")
    readings.add(RULES, counts.rules)
    return readings.metrics()
