"""What the person would be recommended at this moment. Nothing of it is logged, counted, or told to have been shown."""

from typing import Any

from django.http import HttpRequest

from leafloaf.catalog import products
from leafloaf.staff.people.pages import Visit
from personalization.recommending import dismissals, recommend

MOST, MOST_DISMISSED = 20, 50


def context(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    found = recommend.for_person(visit.person, visit.now, MOST)
    dismissed = dismissals.listed(visit.subject.pk)
    shown = dismissed[:MOST_DISMISSED]
    known = products.listings(sku for sku, _ in shown)
    return {
        "status": found.status,
        "items": found.items,
        "model_version": found.model_version,
        "dismissed": [(known[sku].name if sku in known else sku, at) for sku, at in shown],
        "dismissed_count": len(dismissed),
    }
