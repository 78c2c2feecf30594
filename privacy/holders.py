"""What every place that keeps personal data promises: to say what it has, to erase it, and to be read again.

`settings.DATA_HOLDERS` names them: the way down from erasure to stores that privacy itself must not know. A holder is
asked in this order, each time by whichever worker has the step's lease, and may be asked again after a crash anywhere:

1. `plan`, once the person is fenced. What it answers is committed before anything is destroyed.
2. `erase`, until it says that nothing is left to wait for. Idempotent: what is gone already is no error.
3. `verify`, which reads the store again and believes neither the plan nor `erase`.

`export` gives away what `erase` would remove: the same rows, no more and no fewer.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from privacy.models import DeletionStep

Presence = DeletionStep.Presence

SOURCE, COPIES, REMAINS, REPLICA = 1, 2, 3, 4
"""Phases: the log, from which everything else is made; what was made from it; what says who the person is; and what
follows the database in all of that."""


@dataclass(frozen=True)
class Scope:
    """Whose data, and how much of it.

    Attributes:
        sessions: visits whose anonymous events are the person's too: named by events of theirs and of nobody else.
        before: only what was received before then; None for everything.
    """

    subject_id: UUID
    sessions: tuple[str, ...] = ()
    before: datetime | None = None


@dataclass(frozen=True)
class Plan:
    """What a holder has to purge.

    Attributes:
        rows: how many rows, lines or keys.
        of: among how many in all, for the guard against an unusually large share; None when that is not known.
        claimed: how many of the rows are anonymous ones of the visits, for the guard against claims of others' visits.
        details: JSON, whatever `erase` must know once the log is empty; emptied when the request ends.
    """

    rows: int
    of: int | None = None
    details: dict[str, Any] = field(default_factory=dict)
    claimed: int = 0


NEVER_USED = "never_used"
"""In a plan's details: nothing was ever sent to the place, and a certificate says no more of it than that."""


@dataclass(frozen=True)
class Task:
    """One person's step, as a holder gets it.

    Attributes:
        purged_at: when `erase` last ended, None before.
        lease: under which this is done; the step's row said so before it was begun.
    """

    scope: Scope
    plan: Plan
    purge_started_at: datetime
    purged_at: datetime | None = None
    lease: UUID | None = None


@dataclass(frozen=True)
class Purged:
    """How far `erase` came with one task; `again_at` when it has to be called once more, and `said` why.

    Attributes:
        details: takes the place of the plan's, for the next call and for `verify`; None leaves those as they are.
    """

    again_at: datetime | None = None
    said: str = ""
    details: dict[str, Any] | None = None


@dataclass(frozen=True)
class Finding:
    """What a reader of the store found of a person.

    Attributes:
        residual_until: nobody can read it any more, but the store could bring it back until then.
        said: the store's own words when it could not be read.
    """

    presence: Presence
    found: int = 0
    residual_until: datetime | None = None
    said: str = ""

    @classmethod
    def of(cls, found: int, residual_until: datetime | None = None) -> "Finding":
        return cls(Presence.PRESENT if found else Presence.ABSENT, found, residual_until)


class NeedsAttention(Exception):
    """The holder must not go on by itself; the text says what somebody has to look at, and nothing of the subject."""


class NotNow(Exception):
    """The store does not answer, or not yet: tried again after a while."""


class BaseHolder(ABC):
    """One place with personal data."""

    store: ClassVar[str]
    """What people call the place: `postgres`, `redis`, `cloud_storage`, `bigquery`."""
    title: ClassVar[str]
    """What of it, for staff and the person: `Searches, clicks, carts and orders`."""
    phase: ClassVar[int] = COPIES
    people_at_once: ClassVar[int] = 1
    """For how many `verify_all` is asked: more than one where all of the store is read, within a step's lease."""
    models: ClassVar[frozenset[str]] = frozenset()
    """Labels of the models it answers for, such as `capture.Event`: `privacy.checks` finds those with no holder."""

    def is_on(self) -> bool:
        """Whether the place is in use; one that is off but may still hold something is on."""
        return True

    def sessions(self, subject_id: UUID) -> Sequence[str]:
        """Visits that only this person had; asked in the transaction of the fence."""
        return ()

    @abstractmethod
    def plan(self, scope: Scope) -> Plan:
        """What there is to purge; changes nothing.

        Raises:
            NotNow, NeedsAttention: see there.
        """

    @abstractmethod
    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        """Removes what is in the plans and whatever else of these people it meets; an answer for each task, in order.

        Raises:
            NotNow, NeedsAttention: of any of the tasks; the caller then asks for each by itself.
        """

    @abstractmethod
    def verify(self, task: Task) -> Finding:
        """Reads the store again. Failures are findings (`unreachable`, `forbidden`), not exceptions."""

    def verify_all(self, tasks: Sequence[Task]) -> Sequence[Finding]:
        """The same for up to `people_at_once`: a finding for each task, in order.

        `Presence.UNKNOWN` of whom there was no time for within the lease: they are asked about again at once, so each
        call has to come further than the last.
        """
        return [self.verify(task) for task in tasks]

    @abstractmethod
    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        """What there is, as (file name without suffix, JSON object), files one after another.

        Raises:
            NotNow: the store does not answer.
        """

    def fields(self) -> dict[str, str]:
        """What the export's readme says of each file."""
        return {}


def get(name: str) -> BaseHolder:
    """The holder of this name; made once a process.

    Raises:
        KeyError: there is none in DATA_HOLDERS (any more).
    """
    return _made(settings.DATA_HOLDERS[name])


def title_of(name: str) -> str:
    """What the holder has; its name when it is in DATA_HOLDERS no more."""
    return get(name).title if name in settings.DATA_HOLDERS else name


@lru_cache
def _made(path: str) -> BaseHolder:
    holder: BaseHolder = import_string(path)()
    return holder


def enabled() -> list[str]:
    """The names of the holders in use, in the order of their phases."""
    names = [name for name in settings.DATA_HOLDERS if get(name).is_on()]
    return sorted(names, key=lambda name: get(name).phase)


def visits(subject_id: UUID) -> tuple[str, ...]:
    """The visits that only this person had, as far as any holder knows."""
    return tuple(sorted({visit for name in enabled() for visit in get(name).sessions(subject_id)}))
