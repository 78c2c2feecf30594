"""What the outbox and a sink promise each other.

`deliver` returns when the store durably holds every record of the batch, once each, and raises otherwise. The
caller may call it again with the same batch, after any outcome and from another process: a sink is idempotent.
Which exception it raises is the whole of what the caller learns: try later, needs a person, or these rows never.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capture.records import Record

TIMEOUT_SECONDS = 30.0
"""No call to an outside store waits longer: the clients themselves have no limit."""


@dataclass(frozen=True)
class Batch:
    """A sealed batch as a sink gets it.

    `label` and `object_name` never change between attempts; `is_repeated` says that an earlier attempt may have
    reached the store although nobody heard its answer.
    """

    label: str
    object_name: str
    records: Sequence[Record]
    is_repeated: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a store refuses a row for good, in its own words, with what it answered."""

    reason: str
    response: Any


class Unavailable(Exception):
    """The store cannot take the batch now; it may later."""


class Misconfigured(Unavailable):
    """The store answers that it will not take anything until somebody changes something: retried slowly."""


class BatchRefused(Exception):
    """The batch as a whole cannot be delivered, ever, without a person looking at it."""


class RowsRefused(Exception):
    """The store refuses these rows for good, by event id; the others may be sent again."""

    def __init__(self, refusals: Mapping[str, Refusal]) -> None:
        super().__init__(f"{len(refusals)} rows refused")
        self.refusals = refusals


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
