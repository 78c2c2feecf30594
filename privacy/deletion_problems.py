"""What of the deletion requests somebody must see to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from leafloaf.lib.headlines import Problem
from privacy import deletion_queue
from privacy.deletion_queue import Queued
from privacy.erasure import requests

ONE_BY_ONE = 3
"""More of a kind than these are told in one sentence."""


@dataclass(frozen=True)
class Kind:
    """One way in which a request can be wrong."""

    state: Literal["unhealthy", "degraded"]
    is_so: Callable[[Queued], bool]
    one: Callable[[Queued], str]
    many: str
    since: Callable[[Queued], datetime | None]
    remedy: str


def problems(rows: Sequence[Queued], address: str) -> list[Problem]:
    """The loudest kind first; `address` is the page's."""
    found = []
    for kind in KINDS:
        ill = [row for row in rows if kind.is_so(row)]
        if len(ill) > ONE_BY_ONE:
            since = min(filter(None, map(kind.since, ill)), default=None)
            found.append(
                Problem(kind.state, f"{len(ill)} {kind.many}", since, "Open the queue", f"{address}#waiting")
            )
        else:
            found += [
                Problem(
                    kind.state,
                    f"Request {row.name} {kind.one(row)}",
                    kind.since(row),
                    f"{kind.remedy} {row.name}",
                    f"{address}?request={row.request.pk}",
                )
                for row in ill
            ]
    return found


def is_held_long(row: Queued) -> bool:
    return row.held_since is not None and row.now - row.held_since > deletion_queue.LONG_HOLD


def failing_words(row: Queued) -> str:
    stores = ", ".join(
        f"{requests.TITLES.get(store, store)} {failures} times" for store, failures in row.failing[:3]
    )
    return f"fails again and again: {stores}."


KINDS = (
    Kind(
        "unhealthy",
        lambda row: row.is_late,
        lambda row: "is past its 72 hours.",
        "deletion requests are past their 72 hours.",
        lambda row: row.request.due_at,
        "Look at",
    ),
    Kind(
        "unhealthy",
        lambda row: bool(row.failing),
        failing_words,
        "deletion requests fail again and again.",
        lambda row: None,
        "Look at",
    ),
    Kind(
        "degraded",
        lambda row: row.asks_somebody,
        lambda row: "has stopped and asks somebody to decide.",
        "deletion requests have stopped and ask somebody to decide.",
        lambda row: row.request.purge_started_at,
        "Decide on",
    ),
    Kind(
        "degraded",
        lambda row: row.waits_for_approval,
        lambda row: "waits for a second person to approve it.",
        "deletion requests wait for a second person to approve them.",
        lambda row: row.request.created_at,
        "Approve",
    ),
    Kind(
        "degraded",
        is_held_long,
        lambda row: "has been held for more than a week.",
        "deletion requests have been held for more than a week.",
        lambda row: row.held_since,
        "Release or renew",
    ),
)
