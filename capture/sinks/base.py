"""What the outbox and a sink promise each other.

`deliver` returns when the store durably holds every record of the batch, once each, and raises otherwise. The
caller may call it again with the same batch, after any outcome and from another process: a sink is idempotent.
Which exception it raises is the whole of what the caller learns: try later, needs a person, or these rows never.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from capture.records import Record
from capture.sinks.meter import Meter

TIMEOUT_SECONDS = 30.0
"""No call to an outside store waits longer: the clients themselves have no limit."""


Promises = Mapping[str, Mapping[str, Any]]
"""What a sink noted, under names of its own, of what it is about to do once and for all."""


def forget(promised: Promises) -> None:
    """For a batch that no attempt will follow."""


@dataclass(frozen=True)
class Batch:
    """A sealed batch as a sink gets it.

    `label`, `object_name` and `sequence`, its number among the sink's batches, never change between attempts;
    `is_repeated` says that an earlier attempt may have reached the store although nobody heard its answer.
    `sendable_until`, by `time.monotonic`, is when the caller's lease ends.
    `is_remade` says that events were erased from the batch since it was sealed: what an earlier attempt stored may
    hold more than `records`, and must not any more afterwards.
    `meter` is told what the delivery takes, by sinks whose store counts and charges.
    `promised` is what the sink noted of this batch in an earlier attempt; `promise` notes it durably, in place of that,
    before the sink does what only it can undo. It raises `Unavailable` when the batch is another worker's by now.
    """

    label: str
    object_name: str
    records: Sequence[Record]
    is_repeated: bool = False
    sendable_until: float = math.inf
    sequence: int = 0
    is_remade: bool = False
    meter: Meter = field(default_factory=Meter, compare=False)
    promised: Promises = field(default_factory=dict)
    promise: Callable[[Promises], None] = field(default=forget, compare=False)

    def seconds_left(self) -> float:
        """How long the next call to the store may take.

        A worker that was frozen (SIGSTOP, a paused machine) must not go on where it was: another has had the batch
        since, and a store that forgets what it was sent would take the rest of it twice.

        Raises:
            Unavailable: no time is left; the batch is, or may be, another worker's.
        """
        left = min(TIMEOUT_SECONDS, self.sendable_until - time.monotonic())
        if left <= 0:
            raise Unavailable("the lease ran out before everything was sent")
        return left


@dataclass(frozen=True)
class Acknowledged:
    """A batch that the store said it holds, to be counted again.

    Attributes:
        day: UTC day on which every event of it was received.
        count: how many events it should hold: those that left the batch are not among them.
        read: the events from the log; None when the log no longer holds the batch as it was sealed. Dear: for a
            store that cannot tell by count and checksum.
        is_remade: events were erased from it lately, and the store may hold them still: their number says nothing.
    """

    label: str
    object_name: str
    day: date
    count: int
    read: Callable[[], Sequence[Record] | None]
    is_remade: bool = False


@dataclass(frozen=True)
class Recount:
    """What a store holds of one batch.

    Attributes:
        held: how many of the batch's events, each counted once.
        doubled: how many events it holds more than once.
    """

    held: int
    doubled: int = 0


@dataclass(frozen=True)
class Difference:
    """One place where a store's table is not as the vocabulary has it.

    Attributes:
        column: the path to it, such as `items.price`; empty when it is about the table itself.
        remedy: what to do about it.
        change: what the store's set-up does about it, in the past tense; empty when it does nothing.
        stops_rows: the store refuses rows because of it.
    """

    table: str
    column: str
    difference: str
    remedy: str
    change: str = ""
    stops_rows: bool = False

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else self.table
        return f"{name} {self.difference}; {self.remedy}"


@dataclass(frozen=True)
class Refusal:
    """Why a store refuses a row for good, in its own words, with what it answered."""

    reason: str
    response: Any


class Unavailable(Exception):
    """The store cannot take the batch now; it may later."""


class OverQuota(Unavailable):
    """The store says that too much was asked of it for now: retried after a rest that does it good."""


class Misconfigured(Unavailable):
    """The store answers that it will not take anything until somebody changes something: retried slowly."""


class BatchRefused(Exception):
    """The batch as a whole cannot be delivered, ever, without a person looking at it."""


class RowsRefused(Exception):
    """The store refuses these rows for good, by event id; the others may be sent again."""

    def __init__(self, refusals: Mapping[str, Refusal]) -> None:
        super().__init__(f"{len(refusals)} rows refused")
        self.refusals = refusals


class RecountUnsupported(Exception):
    """The store does not hold events that could be counted; the text says what it holds."""


class BaseSink(ABC):
    """One outside store."""

    @abstractmethod
    def deliver(self, batch: Batch) -> None:
        """Stores every record of the batch, once each.

        Raises:
            Unavailable, Misconfigured, BatchRefused, RowsRefused: see there.
        """

    @abstractmethod
    def probe(self) -> None:
        """Asks the store whether it would take a batch; raises `Unavailable` or `Misconfigured` if not."""

    def differences(self, retention_days: int) -> Sequence[Difference]:
        """Where the store's tables are not as the vocabulary has them; a store without tables has none.

        Raises:
            Unavailable, Misconfigured, BatchRefused: as for `deliver`.
        """
        return []

    def recount(self, batches: Sequence[Acknowledged]) -> Mapping[str, Recount]:
        """Counts in the store what it holds of each batch, by label; changes nothing.

        A batch that the store cannot be asked about, for the log no longer holds what to compare with, is left out.

        Raises:
            RecountUnsupported: this kind of store cannot be counted.
            Unavailable, Misconfigured, BatchRefused: as for `deliver`; nothing is known then.
        """
        raise RecountUnsupported("it keeps what events add up to, not the events")

    def make_way(self, batch: Acknowledged) -> None:  # noqa: B027 (most stores need nothing)
        """Takes away what would stop the batch from being delivered again, when part of it was found missing.

        Raises:
            Unavailable, Misconfigured, BatchRefused: as for `deliver`.
        """
