"""What somebody never wants to be recommended again: their word and no inference, so it holds whatever they allow."""

from datetime import datetime
from uuid import UUID

from leafloaf.lib import statements
from personalization.models import Dismissal

OF = "SELECT product_id FROM personalization_dismissal WHERE subject_id = %s"


def of(subject_id: UUID) -> set[str]:
    """The SKUs they dismissed."""
    return {sku for (sku,) in statements.fetch(OF, [subject_id])}


def listed(subject_id: UUID) -> list[tuple[str, datetime]]:
    """(SKU, when) of each, the latest first."""
    return list(
        Dismissal.objects.filter(subject_id=subject_id)
        .order_by("-at", "product_id")
        .values_list("product_id", "at")
    )


def add(subject_id: UUID, sku: str) -> datetime:
    """When it was dismissed first."""
    return Dismissal.objects.get_or_create(subject_id=subject_id, product_id=sku)[0].at


def undo(subject_id: UUID, sku: str) -> bool:
    """Whether there was such a dismissal."""
    return Dismissal.objects.filter(subject_id=subject_id, product_id=sku).delete()[0] > 0


def forget(subject_id: UUID) -> int:
    """Removes all of a person; how many there were."""
    return Dismissal.objects.filter(subject_id=subject_id).delete()[0]
