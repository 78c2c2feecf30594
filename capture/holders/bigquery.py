"""A person's rows in BigQuery.

Invariants:
* Rows that were streamed lately cannot be deleted, and nothing forces it: the rest is deleted, and they are waited for.
  Rows that came through a committed stream of the Storage Write API can be deleted at once, and are.
* Nothing is gone because a deletion said so: `erase` ends when it sees no row of the person any more, and `verify`
  reads again with a query of its own.
* One worker deletes at a time: BigQuery lets few statements change a table at once and refuses when many wait.
* No error passes on what BigQuery said, which might quote what was asked: only its kind and reason.

Google's words on the streaming buffer ("Data manipulation language", limitations; "Troubleshoot errors"): rows written
by `tabledata.insertAll` within the last 30 minutes cannot be changed, those by the Storage Write API can; rarely it
takes up to 90.

The aggregates are views, which hold nothing themselves (`personalization.aggregation.warehouse`).
"""

import json
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection

from capture import schema
from capture.holders import in_use
from capture.holders.failures import FAILURES, finding_of, told, words
from capture.models import OutboxBatch
from capture.records import encoder
from capture.sinks import bigquery_rows
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.bigquery_rows import SINCE, UNTIL, Missing, People, Seen, StillStreaming
from capture.sinks.google_accounts import ERASER, READER, VERIFIER
from privacy.holders import BaseHolder, Finding, NotNow, Plan, Presence, Purged, Scope, Task

SINK = "bigquery"
USUALLY = timedelta(minutes=30)
AT_MOST = timedelta(minutes=90)
"""How long rows stay in the streaming buffer."""
AGAIN = timedelta(minutes=15)
"""When BigQuery would not delete what should have left the buffer: tried again so often, `AT_MOST` long and beyond."""
MARGIN = timedelta(seconds=30)
"""Between BigQuery's clock and Postgres's."""
BUSY = timedelta(seconds=5)
TOTAL_SECONDS = 60.0
BUDGET_SECONDS = 120.0
"""For reading again; with the question that is being asked then, shorter than a step's lease."""
LABEL = re.compile(rf"{SINK}-(\d{{1,18}})")
LOCK = 7_306_403
"""First key of the advisory lock that keeps two workers apart; the second is the data set's."""


class BigQueryHolder(BaseHolder):
    store = "bigquery"
    title = "Rows for analysis"
    people_at_once = 100

    def __init__(self) -> None:
        self._total = 0.0, 0

    def sink(self, part: str) -> BigQuerySink:
        return in_use.opened(SINK, BigQuerySink, "project").acting(part)

    def is_on(self) -> bool:
        return in_use.is_in_use(SINK)

    def plan(self, scope: Scope) -> Plan:
        with told(SINK, "BigQuery"):
            seen = bigquery_rows.look(self.sink(READER), people(scope))
            total = self._in_all()
        tables = {schema.TABLES[kind]: rows_of(found) for kind, found in by_type(seen).items()}
        details: dict[str, Any] = {"tables": tables}
        if seen:
            details["first"] = min(each.first for each in seen).isoformat()
            details["last"] = max(each.last for each in seen).isoformat()
        return Plan(rows_of(seen), max(total, rows_of(seen)), details)

    def _in_all(self) -> int:
        """About how many rows there are of everybody; believed for a while."""
        asked_at, total = self._total
        if not asked_at or time.monotonic() - asked_at > TOTAL_SECONDS:
            total = bigquery_rows.in_all(self.sink(READER))
            self._total = time.monotonic(), total
        return total

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        with told(SINK, "BigQuery"), alone(dataset_of(self.sink(ERASER))) as is_mine:
            if not is_mine:
                again_at = datetime.now(UTC) + BUSY
                return [Purged(again_at, "another worker deletes rows of other people") for _ in tasks]
            left = {until: self._erased(group) for until, group in by_limit(tasks)}
        return [waiting(task, left[limit(task.scope)]) for task in tasks]

    def _erased(self, tasks: Sequence[Task]) -> list[Seen]:
        """Deletes what can be of all these people together, a statement a table; returns what is still there."""
        theirs = people(*(task.scope for task in tasks))
        seen = bigquery_rows.look(self.sink(ERASER), theirs)
        for event_type, found in by_type(seen).items():
            self._delete(event_type, theirs, found)
        return bigquery_rows.look(self.sink(ERASER), theirs) if seen else []

    def _delete(self, event_type: str, theirs: People, seen: Sequence[Seen]) -> None:
        """Takes the people's rows out of one table as far as the streaming buffer lets go of them."""
        for surely in (False, True):
            spared = too_young(seen, AT_MOST if surely else USUALLY, surely=surely)
            if all(each.batch in spared for each in seen):
                return
            try:
                bigquery_rows.delete(self.sink(ERASER), event_type, theirs, seen, spared)
                return
            except StillStreaming:
                continue

    def verify(self, task: Task) -> Finding:
        return self.verify_all([task])[0]

    def verify_all(self, tasks: Sequence[Task]) -> Sequence[Finding]:
        """All tables are read, so they are read once for all whom one question can serve.

        Raises:
            NotNow: something of somebody among several is left; asked about one by one, they are told apart.
        """
        try:
            return self._read_again(tasks)
        except Missing as error:
            same = without_a_data_set(error)
        except FAILURES as error:
            same = finding_of(error)
        return [same for _ in tasks]

    def _read_again(self, tasks: Sequence[Task]) -> list[Finding]:
        sink, began = self.sink(VERIFIER), time.monotonic()
        recoverable = bigquery_rows.recoverable_for(sink)
        read: dict[datetime, str] = {}
        for until, group in by_limit(tasks):
            if read and time.monotonic() - began > BUDGET_SECONDS:
                break
            found, missing = bigquery_rows.left(sink, people(*(task.scope for task in group)))
            if found and len(tasks) > 1:
                raise NotNow("BigQuery: rows of somebody are left")
            if found:
                return [Finding(Presence.PRESENT, found)]
            read[until] = f"there is no table {', '.join(missing)}" if missing else ""
        return [absent(task, read.get(limit(task.scope)), recoverable) for task in tasks]

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        for event_type, table in schema.TABLES.items():
            with told(SINK, "BigQuery"):
                found = bigquery_rows.rows(self.sink(READER), event_type, people(scope))
            for row in found:
                yield f"{SINK}/{table}", json.loads(encoder.encode(row))

    def fields(self) -> dict[str, str]:
        return {
            f"{SINK}/{table}": f"Events of the type {event_type}, as they were copied for analysis."
            for event_type, table in schema.TABLES.items()
        }


def without_a_data_set(error: Missing) -> Finding:
    """What was taken once and cannot be found was not read; where nothing was ever taken, nothing is."""
    if OutboxBatch.objects.filter(sink=SINK, state=OutboxBatch.State.DELIVERED).exists():
        return Finding(Presence.UNREACHABLE, said=words(error))
    return Finding(Presence.ABSENT, said="there is no data set, and nothing was ever sent to one")


def people(*scopes: Scope) -> People:
    """Those of the scopes, which are all limited to the same time."""
    visits = {session for scope in scopes for session in scope.sessions}
    subjects = sorted({str(scope.subject_id) for scope in scopes})
    return People(subjects, sorted(visits), SINCE, limit(scopes[0]))


def absent(task: Task, said: str | None, recoverable: timedelta) -> Finding:
    """Of one of those of whom nothing was found; `said` is None when there was no time to look."""
    if said is None:
        return Finding(Presence.UNKNOWN, said="more questions than one turn can ask")
    until = (task.purged_at or datetime.now(UTC)) + recoverable
    return Finding(Presence.ABSENT, residual_until=until, said=said)


def limit(scope: Scope) -> datetime:
    return scope.before or UNTIL


def by_limit(tasks: Sequence[Task]) -> Iterator[tuple[datetime, list[Task]]]:
    """The tasks that one statement can serve."""
    ordered = sorted(tasks, key=lambda task: limit(task.scope))
    for until, group in groupby(ordered, key=lambda task: limit(task.scope)):
        yield until, list(group)


def too_young(seen: Sequence[Seen], age: timedelta, *, surely: bool) -> set[str]:
    """The batches whose rows may have been streamed less than so long ago, by BigQuery's clock.

    Args:
        surely: doubt counts against a batch.
    """
    known = batches_of(seen)
    return {
        each.batch
        for each in seen
        if not was_committed(each, known)
        and (delivered_at(each, known) or (each.seen_at if surely else each.last)) + age + MARGIN
        > each.seen_at
    }


def batches_of(seen: Iterable[Seen]) -> dict[str, OutboxBatch]:
    """The batches that the rows came in, by label, as far as they are the outbox's."""
    labels = {each.batch for each in seen}
    sequences = [int(found[1]) for label in labels if (found := LABEL.fullmatch(label))]
    known = OutboxBatch.objects.filter(sink=SINK, sequence__in=sequences)
    return {batch.label: batch for batch in known}


def delivered_at(each: Seen, known: Mapping[str, OutboxBatch]) -> datetime | None:
    """When the batch was acknowledged last, if it is: its rows were in the table by then."""
    batch = known.get(each.batch)
    return batch.delivered_at if batch else None


def was_committed(each: Seen, known: Mapping[str, OutboxBatch]) -> bool:
    """Whether the rows came through a committed stream, so that they never were in the streaming buffer."""
    batch = known.get(each.batch)
    promised = (batch and batch.promised) or {}
    return bool(promised.get(schema.TABLES[each.event_type], {}).get("is_all"))


def waiting(task: Task, left: Sequence[Seen]) -> Purged:
    """What the task has to wait for among the rows left of everybody."""
    scope, known = task.scope, batches_of(left)
    theirs = [
        each
        for each in left
        if each.user_id == str(scope.subject_id)
        or (each.user_id is None and each.session_id in scope.sessions)
    ]
    if not theirs:
        return Purged()
    buffered = [each for each in theirs if not was_committed(each, known)]
    if not buffered:
        return Purged(datetime.now(UTC) + BUSY, f"rows came meanwhile: {rows_of(theirs)}")
    waits = [(delivered_at(each, known) or each.last) + USUALLY + MARGIN - each.seen_at for each in buffered]
    longest = max(waits)
    again_at = datetime.now(UTC) + (longest if longest > timedelta(0) else AGAIN)
    said = f"rows are still in the streaming buffer: {rows_of(theirs)}, tried again at {again_at:%H:%M} UTC"
    return Purged(again_at, said)


def by_type(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    """By event type, in the order of the vocabulary, without those that have none."""
    kinds = {kind: [each for each in seen if each.event_type == kind] for kind in schema.TABLES}
    return {kind: found for kind, found in kinds.items() if found}


def rows_of(seen: Iterable[Seen]) -> int:
    return sum(each.rows for each in seen)


@contextmanager
def alone(dataset: str) -> Iterator[bool]:
    """Whether nobody else deletes in this data set; and nobody does until the end."""
    key = key_of(dataset)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        is_mine: bool = cursor.fetchone()[0]
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def dataset_of(sink: BigQuerySink) -> str:
    return f"{sink.project}.{sink.dataset}"


def key_of(dataset: str) -> list[int]:
    """The data set's advisory lock: two positive numbers of four bytes."""
    return [LOCK, zlib.crc32(dataset.encode()) >> 1]
