"""The log of what was recommended: written with each answer, pruned by age.

An answer waits for its row, but no longer than `PATIENCE`, and never fails with it: a list that could not be logged is
counted (`mishaps`) and said in the log of the process, for its clicks will not be found.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import QuerySet

from leafloaf.lib import statements
from personalization.models import Exposure, ExposureOutcome
from personalization.recommending import mishaps

logger = logging.getLogger(__name__)

KEPT = timedelta(days=90)
PRUNED_AT_ONCE = 5_000
# The row may be lost with the machine, as the click that would follow it: nobody waits for the disk.
PATIENCE = """
SELECT set_config('lock_timeout', '50ms', true), set_config('statement_timeout', '100ms', true),
       set_config('synchronous_commit', 'off', true)
"""
INSERT = """
INSERT INTO personalization_exposure (list_id, subject_id, search_id, surface, shown_at, model_version, items)
SELECT %(list_id)s::uuid, %(subject)s::uuid, %(search_id)s::uuid, %(surface)s::text, %(now)s::timestamptz,
       %(model_version)s::text, %(items)s::jsonb
WHERE %(subject)s::uuid IS NULL OR EXISTS (
    SELECT FROM privacy_subject WHERE id = %(subject)s::uuid AND state = 'active' FOR KEY SHARE
)
"""
"""Nothing of who is being erased, even when their answer was under way: the lock waits for the fence, or it for us."""
PRUNE = """
WITH old AS MATERIALIZED (
    SELECT list_id FROM personalization_exposure AS exposure
    LEFT JOIN privacy_privacysettings AS allowed USING (subject_id)
    WHERE is_counted AND shown_at < %(now)s::timestamptz
        - make_interval(days => least(%(days)s::integer, coalesce(allowed.data_retention_days, %(days)s::integer)))
    LIMIT %(lists)s::integer
), without AS (
    DELETE FROM personalization_exposureoutcome AS outcome USING old WHERE outcome.list_id = old.list_id
)
DELETE FROM personalization_exposure AS exposure USING old WHERE exposure.list_id = old.list_id
RETURNING exposure.list_id
"""
"""A person may ask for less than 90 days."""

LIST = ("list_id", "search_id", "surface", "shown_at", "model_version", "items")
OUTCOME = ("list_id", "product_id", "kind", "occurred_at")

encoder = msgspec.json.Encoder()


class Item(Protocol):
    """What is logged of each product of a list."""

    @property
    def sku(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def source(self) -> str: ...
    @property
    def reasons(self) -> Sequence[str]: ...


class Shown(Protocol):
    """A list as it was answered; `model_version` is empty before anything was learned."""

    @property
    def list_id(self) -> str: ...
    @property
    def model_version(self) -> str: ...
    @property
    def items(self) -> Sequence[Item]: ...


def record(
    shown: Shown, subject_id: UUID | None, surface: str, now: datetime, search_id: str | None = None
) -> bool:
    """Writes a list down; whether that was possible. The subject is None for who is not personalised."""
    row = {
        "list_id": shown.list_id,
        "subject": subject_id,
        "search_id": search_id,
        "surface": surface,
        "now": now,
        "model_version": shown.model_version,
        "items": encoder.encode(_slots(shown)).decode(),
    }
    is_inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            if not is_inside:  # the limits would hold for the rest of the caller's transaction
                statements.fetch(PATIENCE)
            statements.fetch(INSERT, row)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("A list of recommendations could not be logged (%s).", type(error).__name__)
        mishaps.note(mishaps.UNLOGGED)
        return False
    return True


def _slots(shown: Shown) -> list[dict[str, object]]:
    return [
        {
            "slot": slot,
            "position": slot + 1,
            "sku": item.sku,
            "score": round(item.score, 6),
            "source": str(item.source),
            "reasons": list(item.reasons),
        }
        for slot, item in enumerate(shown.items)
    ]


def prune(now: datetime) -> int:
    """Removes the lists that are counted and too old, with what came of them; how many there were."""
    pruned = 0
    while rows := statements.fetch(PRUNE, {"now": now, "days": KEPT.days, "lists": PRUNED_AT_ONCE}):
        pruned += len(rows)
    return pruned


def rows(subject_id: UUID) -> int:
    """How many lists there are of a person, and outcomes of those."""
    lists = Exposure.objects.filter(subject_id=subject_id)
    return lists.count() + _outcomes(lists).count()


def forget(subject_id: UUID) -> int:
    """Removes the lists of a person, with what came of them; how many there were. The counts name nobody and stay."""
    with transaction.atomic():
        lists = Exposure.objects.filter(subject_id=subject_id)
        _outcomes(lists).delete()
        return lists.delete()[0]


def export(subject_id: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lists that a person was shown, then what came of them."""
    lists = Exposure.objects.filter(subject_id=subject_id)
    for shown in lists.order_by("list_id").values(*LIST).iterator():
        yield "recommendations", shown
    for outcome in _outcomes(lists).order_by("list_id", "product_id", "kind").values(*OUTCOME).iterator():
        yield "recommendation_outcomes", outcome


def _outcomes(lists: QuerySet[Exposure]) -> QuerySet[ExposureOutcome]:
    return ExposureOutcome.objects.filter(list_id__in=lists.values("list_id"))
