"""How tests have the shop remember something of somebody, without the events that would say so."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from personalization.models import ProductHistory, Profile
from personalization.signals import marks
from personalization.signals.marks import Signal
from privacy import subjects
from privacy.models import PrivacySettings

Mark = tuple[Signal, float]
"""A signal and how many days ago it was."""


def remember(
    now: datetime,
    products: Mapping[str, Iterable[Mark]],
    user: str = "u1",
    paid: Mapping[str, Iterable[tuple[float, str]]] | None = None,
    settings: Mapping[str, bool | int] | None = None,
) -> UUID:
    """Rows as events would have left them, of a person with these settings; their pseudonym."""
    subject = subjects.resolve([user])[user]
    if settings:
        PrivacySettings.objects.update_or_create(subject_id=subject, defaults=settings)
    for sku, some in products.items():
        some = list(some)
        prices = (paid or {}).get(sku, ())
        ProductHistory.objects.create(
            subject_id=subject,
            product_id=sku,
            marks=b"".join(marks.number(s, ago(now, days), Decimal(1)).to_bytes(8) for s, days in some),
            paid=b"".join(
                marks.paid_number(ago(now, days), Decimal(price)).to_bytes(8, signed=True)
                for days, price in prices
            ),
        )
    Profile.objects.create(subject_id=subject, version=5)
    return subject


def ago(now: datetime, days: float) -> datetime:
    return now - timedelta(days=days)
