"""Searches of people who allow it, anonymised, as rows and lessons to train models on; docs/training-data.md.

Days are exported one by one, each from the log into files of a temporary folder, and then to their target: no
transaction is open while a store is waited for, and what was cut short is taken up with the next day that lacks.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from capture import log as events
from leafloaf.access import audit
from leafloaf.storefront.training_export import log
from leafloaf.storefront.training_export.day import Day
from leafloaf.storefront.training_export.log import LABELS

if TYPE_CHECKING:  # Google's clients are slow to import, and every process imports this package
    from leafloaf.storefront.training_export.targets import Target

ACTOR = "export_training_data"
CATCHES_UP = timedelta(days=7)
"""How many days the schedule looks back for one that is not exported yet."""
LONGEST_TARGET = 200


def export(
    days: Sequence[date], labels: Sequence[str], target: "Target", now: datetime | None = None
) -> Iterator[Day]:
    """Exports the days in order and yields each when its target has it; its files are gone with the next step.

    Raises:
        Unavailable, Misconfigured, BatchRefused: the target did not take a day; those before it are stored.
    """
    now = now or datetime.now(UTC)
    with target:
        for day in days:
            with tempfile.TemporaryDirectory(prefix="leafloaf-training-") as folder:
                one = Day(day, labels, Path(folder))
                one.write(now)
                target.take(one, is_complete=now >= log.complete_at(day))
                audit.record(
                    ACTOR,
                    "export training data",
                    target.title[:LONGEST_TARGET],
                    day=day.isoformat(),
                    intents=list(labels),
                    counts=one.total(),
                )
                yield one


def export_due(now: datetime | None = None) -> list[date]:
    """Exports to the configured bucket the days of the past week that it does not hold in full; returns them.

    Raises:
        NoTarget: Cloud Storage is off.
        Unavailable, Misconfigured, BatchRefused: as from `export`.
    """
    from leafloaf.storefront.training_export import targets

    now = now or datetime.now(UTC)
    bucket = targets.configured()
    last = log.last_complete(now)
    first = max(last - CATCHES_UP + timedelta(days=1), events.oldest_day())
    done = bucket.complete(first, LABELS)
    due = [day for day in between(first, last) if day not in done]
    return [one.day for one in export(due, LABELS, bucket, now)]


def between(first: date, last: date) -> list[date]:
    """The days from the first to the last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
