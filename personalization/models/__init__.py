"""The rows of personalization: what each shopper did with which product, and what the shop learned from all."""

from personalization.models.aggregates import (
    AggregateDay,
    AggregateReport,
    Cohort,
    DailyFunnel,
    DailyIntent,
    DailyProduct,
    DailySupplier,
    HourlyActivity,
    ProductCategory,
)
from personalization.models.cooccurrence import BasketItem, BasketTable, ItemCompanions, ItemPair, Meal
from personalization.models.exposures import (
    Dismissal,
    Exposure,
    ExposureCount,
    ExposureOutcome,
    RecommendationMishap,
)
from personalization.models.graph_debts import GraphDebt
from personalization.models.learned import LearnedVersion
from personalization.models.profiles import ProductHistory, Profile

__all__ = [
    "AggregateDay",
    "AggregateReport",
    "BasketItem",
    "BasketTable",
    "Cohort",
    "DailyFunnel",
    "DailyIntent",
    "DailyProduct",
    "DailySupplier",
    "Dismissal",
    "Exposure",
    "ExposureCount",
    "ExposureOutcome",
    "GraphDebt",
    "HourlyActivity",
    "ItemCompanions",
    "ItemPair",
    "LearnedVersion",
    "Meal",
    "ProductCategory",
    "ProductHistory",
    "Profile",
    "RecommendationMishap",
]
