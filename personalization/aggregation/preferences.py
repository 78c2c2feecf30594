"""What one person is drawn to by category, as BigQuery's view `user_category_preferences` has it; never stored.

From the same marks as the profile, and with the same decay. The category is the one that events name for the product:
a warehouse knows no catalogue.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from django.conf import settings

from capture.partitions import start_of
from personalization.aggregation import aggregates
from personalization.models import ProductCategory, ProductHistory
from personalization.signals import marks
from personalization.signals.decay import DAY, Decay

RECENT = timedelta(days=30)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Preference:
    """One category of one person: the signals still remembered, what they weigh, what is left of the recent ones."""

    category: str
    interaction_count: int
    avg_weight: float
    last_30d_score: float


def by_category(subject_id: UUID, now: datetime) -> list[Preference]:
    """The person's categories by name."""
    rows = ProductHistory.objects.filter(subject_id=subject_id).values_list("product_id", "marks")
    packed = {product_id: bytes(kept) for product_id, kept in rows}
    named = dict(ProductCategory.objects.filter(product_id__in=packed).values_list("product_id", "category"))
    decay = Decay.of(settings.SIGNALS)
    found, place = marks.joined(packed.values())
    age = now.timestamp() - found["second"].astype(np.float64)
    strengths = decay.strengths(found, now.timestamp())
    is_recent = age <= RECENT.total_seconds()
    is_kept = (age <= decay.days[found["signal"]] * DAY) & (
        found["second"] >= start_of(aggregates.first_day(now)).timestamp()
    )
    categories = np.array([named.get(product_id, UNKNOWN) for product_id in packed], dtype=object)[place]
    return [
        Preference(
            str(category),
            int((chosen := is_kept & (categories == category)).sum()),
            float(decay.weight[found["signal"][chosen]].mean()),
            float(np.clip(strengths[chosen & is_recent].sum(), 0, 1)),
        )
        for category in sorted(set(categories[is_kept]))
    ]
