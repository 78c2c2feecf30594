"""One holder's part of one or many requests: leased, tried again for ever, settled under the lease's token.

Invariants:
* Whoever dies at any point leaves a lease that runs out, and the next one does the same again: holders are idempotent.
* Who has outlived the lease changes nothing any more: whatever is written is written under its token.
* No plan is younger than the first erasure, and nothing is erased before every plan of the request is committed.
"""

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from privacy import holders
from privacy.holders import BaseHolder, Finding, NeedsAttention, NotNow, Plan, Presence, Purged, Scope, Task
from privacy.models import DeletionRequest, DeletionStep

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
PEOPLE_AT_ONCE = 100
FLOOR, CEILING = timedelta(seconds=2), timedelta(minutes=15)
ALARM_AFTER = 3
"""Failures in a row after which somebody is told."""
STATES = DeletionStep.State
PURGED = [STATES.PURGED, STATES.GIVEN_UP, STATES.ABSENT]
"""Nothing is left to purge in these; `given_up` because nobody can."""
UNEXPECTED = (
    ArithmeticError,
    AttributeError,
    DatabaseError,
    InterfaceError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
TROUBLE = (NotNow, NeedsAttention, *UNEXPECTED)
"""One person's trouble is nobody else's, and never the worker's."""
AT_WORK = [
    DeletionRequest.State.PURGING,
    DeletionRequest.State.SETTLING,
    DeletionRequest.State.VERIFYING,
]


def make(request: DeletionRequest, names: Iterable[str]) -> int:
    """A step for each of the holders that has none yet; how many there were to be made."""
    known = set(request.steps.values_list("holder", flat=True))
    missing = [name for name in names if name not in known]
    DeletionStep.objects.bulk_create(
        DeletionStep(
            request=request, holder=name, store=holders.get(name).store, phase=holders.get(name).phase
        )
        for name in missing
    )
    return len(missing)


def run_next(now: datetime) -> set[DeletionRequest] | None:
    """Does one piece of work that is due; the requests concerned, or None when nothing is due."""
    for stage, work in ((unplanned, plan), (unpurged, purge), (unverified, verify)):
        if claimed := claim(stage(now), now):
            work(claimed)
            return {step.request for step in claimed}
    return None


def due(now: datetime) -> QuerySet[DeletionStep]:
    """Steps that nobody is at, that do not rest, and that nobody has to look at first."""
    is_free = Q(leased_until=None) | Q(leased_until__lt=now)
    return DeletionStep.objects.filter(
        is_free,
        available_at__lte=now,
        held_at=None,
        needs_attention="",
        request__question="",
        request__state__in=AT_WORK,
    )


def unplanned(now: datetime) -> QuerySet[DeletionStep]:
    return due(now).filter(plan__isnull=True)


def unpurged(now: datetime) -> QuerySet[DeletionStep]:
    waiting = due(now).filter(state__in=[STATES.WAITING, STATES.PURGING, STATES.SETTLING])
    # A plan is begun by one who has seen all of them: `machine` sets when purging started.
    return waiting.filter(~Exists(unfinished_before()), request__purge_started_at__isnull=False)


def unfinished_before() -> QuerySet[DeletionStep]:
    """The steps of earlier phases that still have something to purge."""
    earlier = DeletionStep.objects.filter(request=OuterRef("request"), phase__lt=OuterRef("phase"))
    return earlier.exclude(state__in=PURGED)


def unverified(now: datetime) -> QuerySet[DeletionStep]:
    """A store is read again as soon as it and what it is made from are purged, however long others take."""
    return due(now).filter(~Exists(unfinished_before()), state=STATES.PURGED)


def claim(wanted: QuerySet[DeletionStep], now: datetime) -> list[DeletionStep]:
    """The step that has waited longest and, of the same holder, those of other people that wait too."""
    with transaction.atomic():
        free = wanted.select_for_update(of=("self",), skip_locked=True).order_by("available_at", "id")
        if (first := free.first()) is None:
            return []
        same = free.filter(holder=first.holder, state=first.state).select_related("request")
        steps = list(same[:PEOPLE_AT_ONCE])
        token = uuid4()
        mine = DeletionStep.objects.filter(pk__in=[step.pk for step in steps])
        mine.update(lease_token=token, leased_until=now + LEASE, attempts=F("attempts") + 1)
    for step in steps:
        step.lease_token = token
        step.attempts += 1
    return steps


def holder_of(step: DeletionStep) -> BaseHolder:
    """Who does the step's work.

    Raises:
        NotNow: it was taken out of DATA_HOLDERS since; put back, it goes on.
    """
    if step.holder not in settings.DATA_HOLDERS:
        raise NotNow(f"{step.holder} is in DATA_HOLDERS no more: put it back, or give it up")
    return holders.get(step.holder)


def go_on(step: DeletionStep, **values: object) -> bool:
    """Renews the lease, and stores the values; not when it is another's by now."""
    mine = DeletionStep.objects.filter(pk=step.pk, lease_token=step.lease_token)
    return bool(mine.update(**values, leased_until=timezone.now() + LEASE))


def plan(steps: Sequence[DeletionStep]) -> None:
    for step in filter(go_on, steps):
        try:
            found = holder_of(step).plan(scope_of(step.request))
        except TROUBLE as error:
            failed(step, error)
        else:
            kept = {"details": found.details, "of": found.of, "claimed": found.claimed}
            settle(step, plan=kept, planned=found.rows, failures=0, last_error="")


def purge(steps: Sequence[DeletionStep]) -> None:
    """All at once; and one by one when that fails, so that nobody waits for another's trouble."""
    mine = [step for step in steps if go_on(step, state=STATES.PURGING)]
    if not mine:
        return
    try:
        answers = holder_of(mine[0]).erase([task_of(step) for step in mine])
    except TROUBLE as error:
        if len(mine) == 1:
            failed(mine[0], error)
            return
        for step in mine:
            purge([step])
        return
    for step, answer in zip(mine, answers, strict=True):
        purged(step, answer)


def purged(step: DeletionStep, answer: Purged) -> None:
    """What was still there when it was read has failed until it is read again, however often it is purged."""
    kept = {} if answer.details is None else {"plan": (step.plan or {}) | {"details": answer.details}}
    if answer.again_at:
        values = {"state": STATES.SETTLING, "available_at": answer.again_at, "last_error": answer.said}
    else:
        values = {"state": STATES.PURGED, "purged_at": timezone.now(), "last_error": ""}
    is_doubted = step.presence == Presence.PRESENT
    settle(step, **values, **kept, failures=step.failures if is_doubted else 0)


def verify(steps: Sequence[DeletionStep]) -> None:
    waiting = list(steps)
    while waiting:
        at_once = people_at_once(waiting[0])
        together = [step for step in waiting[:at_once] if go_on(step)]
        waiting = waiting[at_once:]
        read_again(together)


def people_at_once(step: DeletionStep) -> int:
    return holder_of(step).people_at_once if step.holder in settings.DATA_HOLDERS else 1


def read_again(steps: Sequence[DeletionStep]) -> None:
    """All at once; and one by one when that fails, so that nobody waits for another's trouble."""
    if not steps:
        return
    try:
        findings = holder_of(steps[0]).verify_all([task_of(step) for step in steps])
    except TROUBLE as error:
        if len(steps) == 1:
            failed(steps[0], error)
            return
        for step in filter(go_on, steps):
            read_again([step])
        return
    for step, found in zip(steps, findings, strict=True):
        if found.presence == Presence.ABSENT:
            is_absent(step, found)
        elif found.presence == Presence.UNKNOWN:
            settle(step)  # no failure: there was no time for this one, and it goes on at once
        else:
            is_not_absent(step, found)


def is_absent(step: DeletionStep, found: Finding) -> None:
    settle(
        step,
        state=STATES.ABSENT,
        presence=found.presence,
        found=0,
        verified_at=timezone.now(),
        residual_until=found.residual_until,
        last_error="",
        failures=0,
    )


def is_not_absent(step: DeletionStep, found: Finding) -> None:
    """What is still there is purged again; what could not be read is read again."""
    is_there = found.presence == Presence.PRESENT
    said = found.said or f"{found.found:,} still there"
    state = STATES.WAITING if is_there else STATES.PURGED
    with transaction.atomic():
        if is_there:
            list(DeletionRequest.objects.select_for_update(no_key=True).filter(pk=step.request_id))
            distrust_later(step)
        told = {"state": state, "presence": found.presence, "found": found.found}
        if rest(step, f"{found.presence.label}: {said}", **told) and is_there:
            distrust_what_it_follows(step)


def distrust_later(step: DeletionStep) -> None:
    """What was made from a store that still had something may have it too: later phases are purged and read again."""
    open_again(DeletionStep.objects.filter(request=step.request_id, phase__gt=step.phase))


def distrust_what_it_follows(step: DeletionStep) -> None:
    """Nothing can be erased in a replica, and what it has the database has or had: all else is purged and read again.

    Not for who has outlived the lease: the request may be certified by now.
    """
    if step.phase == holders.REPLICA:
        open_again(DeletionStep.objects.filter(request=step.request_id, phase__lt=step.phase))


def open_again(doubted: QuerySet[DeletionStep]) -> None:
    """Those that are done; what was given up stays so, and what is held rests.

    Whoever reads one of them at this moment loses the lease, and with it the say.
    """
    doubted.filter(state__in=[STATES.PURGED, STATES.ABSENT]).update(
        state=STATES.WAITING,
        presence=Presence.UNKNOWN,
        verified_at=None,
        lease_token=None,
        leased_until=None,
    )


def failed(step: DeletionStep, error: Exception) -> None:
    if isinstance(error, NeedsAttention):
        logger.error("The erasure %s waits for somebody to look at it.", step)
        settle(step, needs_attention=str(error), last_error=str(error), failures=step.failures + 1)
    elif isinstance(error, NotNow):
        rest(step, str(error))
    else:  # nobody expected it, and what it says may be of the person
        rest(
            step, f"{type(error).__name__}: a mistake in the program; nothing is lost, and it is tried again"
        )


def rest(step: DeletionStep, said: str, **values: object) -> bool:
    """Tried again later, for ever; from the third failure on somebody is told. Whether the lease was still there."""
    failures = step.failures + 1
    if failures >= ALARM_AFTER:
        logger.error("The erasure %s has failed %s times; Deletion status says why.", step, failures)
    available_at = timezone.now() + back_off(failures)
    return settle(step, failures=failures, last_error=said, available_at=available_at, **values)


def back_off(failures: int, draw: Callable[[], float] = random.random) -> timedelta:
    """Twice as long each time, from `FLOOR` to `CEILING`, and up to a quarter less, so that not all come at once."""
    waited: timedelta = min(FLOOR * 2 ** min(failures - 1, 20), CEILING)
    return waited * (1 - draw() / 4)


def settle(step: DeletionStep, **values: object) -> bool:
    """Stores what came of it and gives the lease back; not when the lease is another's by now."""
    mine = DeletionStep.objects.filter(pk=step.pk, lease_token=step.lease_token)
    if mine.update(**values, lease_token=None, leased_until=None):
        return True
    logger.warning("The erasure %s was worked on for longer than its lease; another worker has it.", step)
    return False


def scope_of(request: DeletionRequest) -> Scope:
    return Scope(request.pseudonym, tuple(request.sessions), request.before)


def task_of(step: DeletionStep) -> Task:
    kept = step.plan or {}
    began = step.request.purge_started_at or timezone.now()
    planned = Plan(step.planned or 0, kept.get("of"), kept.get("details", {}), kept.get("claimed", 0))
    return Task(scope_of(step.request), planned, began, step.purged_at, step.lease_token)
