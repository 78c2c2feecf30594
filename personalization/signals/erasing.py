"""All that is remembered of one person: given away to them, and removed for good."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from personalization.models import GraphDebt, ProductHistory, Profile
from personalization.signals import kept_copies, marks
from personalization.signals.marks import HUNDREDTHS, Signal


def rows(subject_id: UUID) -> int:
    """How many rows there are of the person; copies in Redis are no rows, for they come and go by the hour."""
    products = ProductHistory.objects.filter(subject_id=subject_id).count()
    return products + Profile.objects.filter(pk=subject_id).count()


def erase(subject_id: UUID) -> int:
    """Removes the person's rows, then the copies in Redis; says how many rows and copies there were.

    Safe to repeat. Whoever calls it sees to it that nothing of this person is stored any more.

    Raises:
        redis.RedisError: the rows are gone, but copies may be there for an hour; call it again.
    """
    with transaction.atomic():
        locked = Profile.objects.filter(pk=subject_id).select_for_update().count()
        products, _ = ProductHistory.objects.filter(subject_id=subject_id).delete()
        Profile.objects.filter(pk=subject_id).delete()
        debts, _ = GraphDebt.objects.filter(pk=subject_id).delete()  # says who it is, and nothing else
    return locked + products + debts + kept_copies.drop(subject_id)


def left(subject_id: UUID) -> int:
    """How much there is of the person, read again.

    Raises:
        redis.RedisError: it cannot be told.
    """
    debts = GraphDebt.objects.filter(pk=subject_id).count()
    return rows(subject_id) + debts + len(list(kept_copies.found(subject_id)))


def export(subject_id: UUID) -> Iterator[dict[str, Any]]:
    """All of it, readable: the profile, then each product with its signals and the prices paid."""
    for profile in Profile.objects.filter(pk=subject_id):
        yield {"kind": "profile", "updated_at": profile.updated_at.isoformat()}
    for row in ProductHistory.objects.filter(subject_id=subject_id).order_by("product_id").iterator():
        yield {
            "kind": "product",
            "product_id": row.product_id,
            "signals": [_signal(*mark) for mark in marks.marks(bytes(row.marks)).tolist()],
            "paid": [
                {"at": _moment(second), "price": f"{price / HUNDREDTHS:.2f}"}
                for second, price in marks.paid(bytes(row.paid)).tolist()
            ],
        }


def _signal(signal: int, _spare: int, quantity: int, second: int) -> dict[str, Any]:
    told = {"signal": Signal(signal).name.lower(), "at": _moment(second)}
    return told | ({"quantity": quantity / HUNDREDTHS} if quantity else {})


def _moment(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
