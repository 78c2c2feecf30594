"""What somebody never wants to be recommended again: their word and no inference, so it holds whatever they allow."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from leafloaf.lib import statements
from personalization.models import Dismissal
from privacy import consent

ADD = """
INSERT INTO personalization_dismissal (subject_id, product_id)
SELECT id, %(sku)s::text FROM privacy_subject WHERE id = %(subject)s::uuid AND state = 'active' FOR KEY SHARE
ON CONFLICT DO NOTHING
"""
"""Nothing of who is being erased."""
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
    """When it was dismissed first.

    Raises:
        consent.Erased: there is no such person, or no longer.
    """
    statements.fetch(ADD, {"subject": subject_id, "sku": sku})
    found = Dismissal.objects.filter(subject_id=subject_id, product_id=sku).first()
    if found is None:
        raise consent.Erased
    return found.at


def undo(subject_id: UUID, sku: str) -> bool:
    """Whether there was such a dismissal."""
    return Dismissal.objects.filter(subject_id=subject_id, product_id=sku).delete()[0] > 0


def rows(subject_id: UUID) -> int:
    """How many there are of a person."""
    return Dismissal.objects.filter(subject_id=subject_id).count()


def export(subject_id: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each dismissal, the latest first."""
    for sku, at in listed(subject_id):
        yield "dismissals", {"product_id": sku, "at": at}


def forget(subject_id: UUID) -> int:
    """Removes all of a person; how many there were."""
    return Dismissal.objects.filter(subject_id=subject_id).delete()[0]
