"""A person's searches among the exported training data.

The rows name nobody, so that which are a person's can only be told by exporting that person's searches again, and by
looking which of the rows are there. They go with their day: it is exported once more from a log that no longer has
them, or removed where that cannot be. A day is as it should be when its manifest counts as many searches as the log
does now, which are fewer than before, and its files are those that the manifest describes.

Out of reach: exports to files and other buckets (the audit has each with its days), and days that the log has dropped,
whose rows nobody can tell apart; the bucket deletes them at the same age.
"""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from capture.holders.cloud_storage import (
    BUDGET_SECONDS,
    CloudStorageHolder,
    answering,
    configured,
    presence_of,
)
from capture.sinks import cloud_storage_objects as objects
from capture.sinks.base import BatchRefused, Unavailable
from capture.sinks.google_accounts import VERIFIER
from leafloaf.storefront.training_export import log, targets
from leafloaf.storefront.training_export.day import LESSONS, SEARCHES
from leafloaf.storefront.training_export.log import Only
from leafloaf.storefront.training_export.stored import Stored
from privacy.holders import BaseHolder, Finding, Plan, Purged, Scope, Task

FILES = {SEARCHES: "training_exports/searches", LESSONS: "training_exports/lessons"}


class TrainingExportHolder(BaseHolder):
    store = "cloud_storage"
    title = "Training data"

    def is_on(self) -> bool:
        return CloudStorageHolder().is_on()

    def plan(self, scope: Scope) -> Plan:
        """Every day with searches of theirs, for one that is exported at this very moment may be there soon."""
        only = _only(scope)
        with answering():
            days = log.days_of(only)
            rows = _rows(only, _exported(days))
        return Plan(len(rows), None, {"days": [day.isoformat() for day in days]})

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        """Each day once for all of them."""
        deadline = time.monotonic() + BUDGET_SECONDS
        done: set[date] = set()
        with answering():
            wanted = [_exported(_days(task)) for task in tasks]
            for day in sorted({day for days in wanted for day in days}):
                if time.monotonic() > deadline:
                    break
                Stored(day).make_anew()
                done.add(day)
        later = Purged(datetime.now(UTC), "more days than one turn can do")
        return [Purged() if done.issuperset(days) else later for days in wanted]

    def verify(self, task: Task) -> Finding:
        try:
            configured()
            found = sum(Stored(day).excess() for day in _exported(_days(task)))
            return Finding.of(found, _residual_until(_days(task)))
        except (Unavailable, BatchRefused) as error:
            return Finding(presence_of(error), said=str(error))

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        only = _only(scope)
        with answering():
            for end, row in _rows(only, _exported(log.days_of(only))):
                yield FILES[end], json.loads(row)

    def fields(self) -> dict[str, str]:
        return {
            FILES[
                SEARCHES
            ]: "Your searches among the data that models learn from, anonymised, with what followed each.",
            FILES[LESSONS]: "The questions and answers that were made of them.",
        }


def _only(scope: Scope) -> Only:
    return Only(scope.subject_id, scope.before)


def _days(task: Task) -> list[date]:
    return [date.fromisoformat(day) for day in task.plan.details.get("days", [])]


def _exported(days: list[date]) -> list[date]:
    """Those of the days of which the bucket has anything."""
    there = targets.usual().days() if days else set()
    return [day for day in days if day in there]


def _rows(only: Only, days: list[date]) -> list[tuple[str, bytes]]:
    """Theirs, file by file; they are few enough to be held in memory."""
    rows = [row for day in days for row in Stored(day).rows_of(only)]
    return sorted(rows, key=lambda row: list(FILES).index(row[0]))


def _residual_until(days: list[date]) -> datetime | None:
    """Until when the store could bring back what these days were before."""
    if not days:
        return None
    bucket = targets.usual()
    folders = {bucket.folder(day) for day in days}
    sink = bucket.sink.acting(VERIFIER)
    ends = objects.residual_until(sink, bucket.prefix, min(folders), max(folders) + "~")
    return max((end for name, end in ends.items() if f"{name.rpartition('/')[0]}/" in folders), default=None)
