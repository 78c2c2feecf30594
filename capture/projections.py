"""What others derive from events in the very statement that stores them: `settings.PROJECTIONS`.

Because a duplicate is not stored, a projection sees each event once, and what it writes is there when the event is.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from capture.validation import Checked


class Projection(Protocol):
    """A path in `PROJECTIONS` names an object like this one."""

    sql: str
    """Named queries that follow in the same WITH, and may read `stored (place, subject_id)`: the events that were new.

    `place` counts the events of the batch from 1, `subject_id` is null for nobody. The queries must not be many rows'
    work in an order of their own: they lock rows in the order of subjects and keys, or two batches dead-lock. An array
    among the parameters stands in a `(SELECT ...)`, or Postgres plans small batches anew each time (`ingest.INSERT`).
    """

    def parameters(self, batch: Sequence[Checked]) -> dict[str, Any] | None:
        """What its SQL asks for; None when nothing in the batch concerns it."""


def concerned(batch: Sequence[Checked]) -> tuple[tuple[Projection, ...], dict[str, Any]]:
    """The projections to apply to a batch, and their parameters."""
    if not any(event.user_id for event in batch):
        return (), {}
    chosen: list[Projection] = []
    parameters: dict[str, Any] = {}
    for projection in map(loaded, settings.PROJECTIONS):
        if (asked := projection.parameters(batch)) is not None:
            chosen.append(projection)
            parameters |= asked
    return tuple(chosen), parameters


@lru_cache
def loaded(path: str) -> Projection:
    projection: Projection = import_string(path)
    return projection
