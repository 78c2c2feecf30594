"""One request from its POST to its certificate, as seconds: over HTTP, and as its steps say of each store."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from bench.capture.measuring import execute
from bench.privacy.shop import Caller
from privacy.models import DeletionRequest, DeletionStep

PATIENCE_SECONDS = 600.0
LOOK_SECONDS = 0.02
LAST = "privacy"
"""The holder of what says who the person is: the last that is emptied."""
STATES = DeletionRequest.State
OPEN = "SELECT user_id FROM privacy_subject WHERE state = 'active' AND user_id LIKE 'user%%' ORDER BY user_id"
PEOPLE = f"""
    SELECT user_id, count(event.id) FROM ({OPEN}) AS person
    JOIN privacy_subject AS subject USING (user_id) JOIN capture_event AS event ON event.subject_id = subject.id
    GROUP BY user_id HAVING count(event.id) >= 50 ORDER BY user_id
"""  # noqa: S608 (our own)


class NeverErased(RuntimeError):
    """A request did not come to its end; says where its steps are."""


@dataclass
class Asked:
    """A request on its way; `asked_at` and `expedited_at` are what `time.time` said before each call."""

    user: str
    request_id: UUID
    asked_at: float
    fenced: float
    forgotten: float
    known_afterwards: int
    expedited_at: float = 0.0
    ends: dict[str, float] = field(default_factory=dict)


def people(count: int, seed: int = 1) -> list[str]:
    """So many of those who have 50 events or more and were not asked for yet."""
    known = [user for user, _ in execute(PEOPLE)]
    return random.Random(seed).sample(known, count)  # noqa: S311


def ask(caller: Caller, user: str) -> Asked:
    """The POST, then questions until an answer does not know the person: the first one, if all is well."""
    caller.connection.close()  # the server has hung up while we waited; the next call opens another
    assert caller.knows(user) == (True, True), "there is nothing to forget"
    asked_at = time.time()
    started = time.perf_counter()
    request = caller.ask("POST", "privacy/deletion-requests", user, {"cooling_off_hours": 24})
    fenced = time.perf_counter() - started
    known_afterwards = 0
    while any(caller.knows(user)):
        known_afterwards += 1
    forgotten = time.perf_counter() - started
    return Asked(user, UUID(request["id"]), asked_at, fenced, forgotten, known_afterwards)


def expedite(caller: Caller, asked: Asked) -> None:
    caller.connection.close()
    asked.expedited_at = time.time()
    caller.ask("POST", f"privacy/deletion-requests/{asked.request_id}/expedite", asked.user)


def wait(asked: Sequence[Asked]) -> None:
    """Until all have their certificate; notes when each store was found empty.

    Raises:
        NeverErased: see there.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    ids = [one.request_id for one in asked]
    while DeletionRequest.objects.filter(pk__in=ids).exclude(state=STATES.CERTIFIED).exists():
        if time.monotonic() > deadline:
            raise NeverErased(list(told(ids)))
        time.sleep(LOOK_SECONDS)
    for one in asked:
        one.ends = ends(one)


def told(ids: Sequence[UUID]) -> Iterator[str]:
    for step in DeletionStep.objects.filter(request_id__in=ids).exclude(state=DeletionStep.State.ABSENT):
        question = f"{step.needs_attention} {step.request.question}"
        yield f"{step.request.state} {step.holder} {step.state} {step.attempts} {step.last_error} {question}"


def ends(asked: Asked) -> dict[str, float]:
    """Seconds from the expedite until each store was purged, and was read again and found empty; and until the end."""
    found: dict[str, float] = {}
    for step in DeletionStep.objects.filter(request_id=asked.request_id):
        assert step.verified_at is not None
        assert step.purged_at is not None
        at = {f"{step.holder} purged": step.purged_at, f"{step.store} absent": step.verified_at}
        if step.holder != LAST:
            at[f"{step.store} purged"] = step.purged_at
        for name, moment in at.items():
            found[name] = max(found.get(name, 0.0), moment.timestamp() - asked.expedited_at)
    request = DeletionRequest.objects.get(pk=asked.request_id)
    assert request.ended_at is not None
    return found | {"certified": request.ended_at.timestamp() - asked.expedited_at}


def rows(asked: Sequence[Asked]) -> Mapping[str, Sequence[int]]:
    """What each holder had of each of them, by the holder's name."""
    found: dict[str, list[int]] = {}
    steps = DeletionStep.objects.filter(request_id__in=[one.request_id for one in asked])
    for holder, planned in steps.values_list("holder", "planned"):
        found.setdefault(holder, []).append(planned or 0)
    return found
