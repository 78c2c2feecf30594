"""What a person left in the objects of Cloud Storage: batches of JSON lines that they share with others.

Which objects: those of the batches that have events of the person, as long as the log knows that; batches not sent
yet too, for their objects may be there by the time they are asked for. Objects whose batch is forgotten, for the log
has dropped its day and the bucket has not, are looked through one by one: they are as many as the bucket keeps
longer than the log (at the usual 90 days each: those of a day or two, and what was filled in later).
And whatever was sealed from shortly before the plan until the log had nothing of the person any more.

A retention leaves forgotten objects alone: what is in them was as old as the log allows, and was looked at nightly.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import F, Sum

from capture import partitions
from capture.holders import in_use, theirs
from capture.holders.in_use import NotConfigured
from capture.models import OutboxBatch
from capture.sinks import cloud_storage_lines as lines
from capture.sinks import cloud_storage_objects as objects
from capture.sinks import cloud_storage_threads as threads
from capture.sinks.base import BatchRefused, Unavailable
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.cloud_storage_reader import Read, Reader, Wanted
from capture.sinks.google_accounts import ERASER, READER, VERIFIER
from capture.sinks.whose import Whose
from privacy.holders import BaseHolder, Finding, NeedsAttention, NotNow, Plan, Presence, Purged, Scope, Task

NAME = "cloud_storage"
FILE = "cloud_storage/events"
SLACK = timedelta(minutes=1)
"""How far the clocks of those who seal and those who erase may be apart."""
BUDGET_SECONDS = 200.0
"""Shorter than a step's lease; what is not done by then goes on with the next."""
PAGE = 1000


class CloudStorageHolder(BaseHolder):
    store = NAME
    title = "Events as files"
    people_at_once = 100

    def __init__(self) -> None:
        self._since: dict[tuple[Scope, datetime | None], str] = {}
        """The name from which on objects are still to be read for somebody; forgotten with the process."""

    def is_on(self) -> bool:
        return in_use.is_in_use(NAME)

    def plan(self, scope: Scope) -> Plan:
        began = datetime.now(UTC)
        found = {name: len(held) for name, held in self._held(scope)}
        details = {"planned_at": began.isoformat(), "objects": list(found)}
        return Plan(sum(found.values()), _in_all(), details)

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        """Each object once for all of them."""
        whose = _whose([task.scope for task in tasks])
        wanted = [_objects(task) for task in tasks]
        planned = {name for names in wanted for name in names}
        with answering():
            recent = set(_sealed_since(configured(ERASER), tasks))
            done = _taken_out(whose, planned, [*dict.fromkeys(_chained(wanted)), *sorted(recent - planned)])
        later = Purged(datetime.now(UTC), "more objects than one turn can do")
        return [Purged() if recent.union(names) <= done else later for names in wanted]

    def verify(self, task: Task) -> Finding:
        return self.verify_all([task])[0]

    def verify_all(self, tasks: Sequence[Task]) -> Sequence[Finding]:
        """Each object once for all of them; for whom there was no time, the next turn goes on where this one ended."""
        try:
            return self._read_again(configured(VERIFIER), tasks)
        except (Unavailable, BatchRefused) as error:
            return [_unread(error) for _ in tasks]

    def _read_again(self, sink: CloudStorageSink, tasks: Sequence[Task]) -> list[Finding]:
        wanted = [_wanted(task, self._since.get(_key(task), "")) for task in tasks]
        first, last = min(one.first for one in wanted), max(one.last for one in wanted)
        names = sorted({*_chained(map(_objects, tasks)), *lines.names(sink, first, last)})
        read = Reader(wanted).read(sink, names, time.monotonic() + BUDGET_SECONDS)
        ends = objects.residual_until(sink, lines.PREFIX, min([first, *names[:1]]), max([last, *names[-1:]]))
        findings = [_finding(read, place, one, names, ends) for place, one in enumerate(wanted)]
        for task, finding in zip(tasks, findings, strict=True):
            self._since.pop(_key(task), None)
            if read.ended_at and not finding.found:
                self._since[_key(task)] = read.ended_at
        return findings

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        for _, held in self._held(scope):
            for line in held:
                yield FILE, msgspec.json.decode(line)

    def fields(self) -> dict[str, str]:
        return {
            FILE: "Your searches, looks, carts and orders as they lie in Cloud Storage for the shop's analyses, "
            "a line each; `user_id` is your pseudonym and `batch` the file they are in."
        }

    def _held(self, scope: Scope) -> Iterator[tuple[str, list[bytes]]]:
        """Their lines by object: also of those that have none yet, when a batch says that they will.

        And of those with a line about them that nobody can read: the erasure stops at it.
        """
        whose = _whose([scope])

        def work(sink: CloudStorageSink, name: str) -> lines.Theirs:
            return lines.theirs(sink, name, whose)

        with answering():
            sink = configured(READER)
            known = list(dict.fromkeys(batch.object_name for batch in theirs.batches(scope, NAME)))
            yield from ((name, found.lines) for name, found in threads.each(sink, work, known))
            if scope.before is None:
                asked = set(known)
                others = [name for name in _forgotten(sink) if name not in asked]
                found_in = threads.each(sink, work, others)
                yield from ((name, found.lines) for name, found in found_in if found.lines or found.in_doubt)


def configured(part: str = READER) -> CloudStorageSink:
    """The sink as the account of that part.

    Raises:
        NotConfigured: no bucket is named.
    """
    return in_use.opened(NAME, CloudStorageSink, "bucket_name").acting(part)


def presence_of(error: Unavailable | BatchRefused) -> Presence:
    """What is known of a person in a store that answered so: nothing, and why."""
    if isinstance(error, BatchRefused):
        return Presence.UNSUPPORTED
    return Presence.FORBIDDEN if objects.is_forbidden(error) else Presence.UNREACHABLE


@contextmanager
def answering() -> Iterator[None]:
    """The sink's errors as a holder's.

    Raises:
        NotNow, NeedsAttention: see there.
    """
    try:
        configured()
        yield
    except NotConfigured:
        raise in_use.refusal(NAME) from None
    except BatchRefused as error:
        raise NeedsAttention(str(error)) from error
    except Unavailable as error:
        raise NotNow(str(error)) from error


def _whose(scopes: Iterable[Scope]) -> Whose:
    """Of one who is in several scopes, the widest counts."""
    subjects: dict[str, datetime | None] = {}
    sessions: dict[str, datetime | None] = {}
    for scope in scopes:
        _widen(subjects, str(scope.subject_id), scope.before)
        for session in scope.sessions:
            _widen(sessions, session, scope.before)
    return Whose(subjects, sessions)


def _widen(people: dict[str, datetime | None], key: str, before: datetime | None) -> None:
    known = people.get(key, before)
    people[key] = max(known, before) if known and before else None


def _in_all() -> int | None:
    """About how many lines the bucket has."""
    sent = OutboxBatch.objects.filter(sink=NAME, state=OutboxBatch.State.DELIVERED)
    total: int | None = sent.aggregate(total=Sum(F("count") - F("excluded")))["total"]
    return total


def _forgotten(sink: CloudStorageSink) -> list[str]:
    """The objects of which the log can no longer say whose events they have: those of batches of dropped days.

    Only the dropping of a day adds to them, so that one look at the whole bucket does for many people.
    """
    days = tuple(sorted({*partitions.days(), *partitions.strays()}))
    return _looked_for(sink.bucket_name, sink.endpoint, days)


@lru_cache(maxsize=1)
def _looked_for(bucket: str, endpoint: str, days: tuple[date, ...]) -> list[str]:
    found = lines.names(configured())
    forgotten: list[str] = []
    while page := list(islice(found, PAGE)):
        numbers = [number for name in page if (number := lines.sequence_of(name)) is not None]
        known = OutboxBatch.objects.filter(sink=NAME, sequence__in=numbers, day__in=days)
        names = set(known.values_list("object_name", flat=True))
        forgotten += [name for name in page if name not in names]
    return forgotten


def _objects(task: Task) -> list[str]:
    """Those of the plan."""
    return list(task.plan.details.get("objects", []))


def _chained(wanted: Iterable[Iterable[str]]) -> Iterator[str]:
    for names in wanted:
        yield from names


def _between(task: Task) -> tuple[str, str]:
    """The names of what was sealed around the purge: it may have been read from the log before that was empty."""
    margin = timedelta(seconds=settings.OUTBOX_LEASE_SECONDS) + SLACK
    planned_at = datetime.fromisoformat(task.plan.details.get("planned_at", "9999-12-31T00:00:00+00:00"))
    since = min(planned_at, task.purge_started_at) - margin
    until = (task.purged_at or datetime.now(UTC)) + margin
    return lines.name_at(since), lines.name_at(until)


def _sealed_since(sink: CloudStorageSink, tasks: Iterable[Task]) -> Iterator[str]:
    ranges = [_between(task) for task in tasks]
    first, last = min(one for one, _ in ranges), max(other for _, other in ranges)
    return lines.names(sink, first, last)


def _taken_out(whose: Whose, planned: set[str], names: Sequence[str]) -> set[str]:
    """Takes their lines out of these objects; returns which are done, all when there is time.

    An object that nobody can read stops the others no more than it must: it is told of when they are done.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    refused: list[BatchRefused] = []

    def work(sink: CloudStorageSink, name: str) -> bool:
        if time.monotonic() > deadline:
            return False
        try:
            lines.take_out(sink, name, whose, is_theirs=name in planned)
        except BatchRefused as error:
            refused.append(error)
        return True

    done = {name for name, is_done in threads.each(configured(ERASER), work, names) if is_done}
    if refused:
        raise refused[0]
    return done


def _key(task: Task) -> tuple[Scope, datetime | None]:
    """Whom an erasure was for, and which it was: what was read before another one has to be read again."""
    return task.scope, task.purged_at


def _wanted(task: Task, since: str) -> Wanted:
    scope, (first, last) = task.scope, _between(task)
    sessions, names = frozenset(scope.sessions), frozenset(_objects(task))
    return Wanted(str(scope.subject_id), sessions, scope.before, names, first, last, since)


def _finding(
    read: Read, place: int, wanted: Wanted, names: Iterable[str], ends: Mapping[str, datetime]
) -> Finding:
    """Of one of them; not read yet when objects are left that may have lines of theirs."""
    found = read.found[place]
    if not found and read.ended_at:
        if read.error and wanted.may_be_in(read.ended_at):
            return _unread(read.error)
        if any(name >= read.ended_at and wanted.may_be_in(name) for name in names):
            return Finding(Presence.UNKNOWN, said="more objects than one turn can do")
    kept = [end for name, end in ends.items() if replace(wanted, since="").may_be_in(name)]
    return Finding.of(found, max(kept, default=None))


def _unread(error: Unavailable | BatchRefused) -> Finding:
    return Finding(presence_of(error), said=str(error))
