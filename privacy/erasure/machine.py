"""What moves a deletion request on: the clock, its steps, and nothing else.

    received -> fenced -> cooling_off -> purging -> settling -> verifying -> verified -> certified

Invariants:
* Each move is one transaction with the request's row locked, made from what the rows say: whoever comes after a crash
  sees the same and does the same.
* Nothing is planned before the fence has settled, and nothing erased before everything is planned and no guard asks.
* The certificate, and the last words that lead to the person, commit together: the one comes with the others' going.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from privacy import holders
from privacy.erasure import certificate, fence, guards, steps
from privacy.models import DeletionRequest, DeletionStep

logger = logging.getLogger(__name__)

BUDGET_SECONDS = 20.0
STATES = DeletionRequest.State
STEP = DeletionStep.State


def advance_all(now: datetime | None = None, until_quiet: bool = False) -> int:
    """Does what is due of all requests until nothing is, or time is up; returns how many pieces of work that was.

    Args:
        now: the clock, for tests.
        until_quiet: without a limit of time.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    done = 0
    while until_quiet or time.monotonic() < deadline:
        moment = now or timezone.now()
        moved = move(moment)
        concerned = steps.run_next(moment)
        if not moved and concerned is None:
            break
        done += moved + bool(concerned)
        for request in concerned or ():
            refresh(request.pk, moment)
    return done


def move(now: datetime) -> int:
    """What requests do without a step: begin to purge, begin to erase what is planned, end."""
    ids = list(_restless(now).values_list("pk", flat=True)[:100])
    return sum(refresh(request_id, now) for request_id in ids)


def _restless(now: datetime) -> QuerySet[DeletionRequest]:
    is_due = Q(state__in=[STATES.FENCED, STATES.COOLING_OFF], purge_at__lte=now)
    is_planned = Q(state=STATES.PURGING, purge_started_at=None, question="") & ~Q(steps__plan__isnull=True)
    is_over = Q(state__in=[STATES.VERIFIED, *steps.AT_WORK]) & ~Q(steps__state__in=list(UNFINISHED))
    return DeletionRequest.objects.filter(is_due | is_planned | is_over).distinct()


FINISHED = {STEP.ABSENT, STEP.GIVEN_UP}
UNFINISHED = set(STEP) - FINISHED


def refresh(request_id: UUID, now: datetime) -> bool:
    """Moves one request as far as its steps allow; whether it moved."""
    if not _may_move(request_id, now):
        return False
    with transaction.atomic():
        request = DeletionRequest.objects.select_for_update().filter(pk=request_id).first()
        if request is None or STATES(request.state).is_terminal:
            return False
        before = (request.state, request.purge_started_at, request.question)
        _move(request, now)
        if request.kind == DeletionRequest.Kind.RETENTION and request.state == STATES.VERIFIED:
            request.delete()
            return True
        request.save()
        return before != (request.state, request.purge_started_at, request.question)


def _may_move(request_id: UUID, now: datetime) -> bool:
    """What is fenced rests until its time has come and nobody can be storing anything for it any more."""
    request = DeletionRequest.objects.filter(pk=request_id).first()
    if request is None or request.state not in {STATES.FENCED, STATES.COOLING_OFF}:
        return request is not None
    return request.purge_at is not None and request.purge_at <= now and fence.is_settled(request)


def _move(request: DeletionRequest, now: datetime) -> None:
    state = STATES(request.state)
    if state in {STATES.FENCED, STATES.COOLING_OFF}:
        if request.purge_at and request.purge_at <= now:
            fence.extend(request, now)
            begin(request, holders.enabled())
    elif state == STATES.VERIFIED:
        end(request, now)
    elif state in steps.AT_WORK:
        _follow(request, list(request.steps.all()), now)


def begin(request: DeletionRequest, names: Sequence[str]) -> None:
    """A step for each of the holders, unless it has one; the caller stores the request."""
    request.state = STATES.PURGING
    steps.make(request, names)


def _follow(request: DeletionRequest, found: list[DeletionStep], now: datetime) -> None:
    """The request is as far as its steps are."""
    if request.purge_started_at is None:
        is_planned = all(step.plan is not None for step in found) and not request.question
        if is_planned and not steps.make(request, concerned(request)):
            _start(request, found, now)
        return
    states = {STEP(step.state) for step in found}
    if states <= FINISHED:
        request.state = STATES.VERIFIED
        request.verified_at = max((step.verified_at for step in found if step.verified_at), default=now)
    elif states <= {STEP.PURGED, *FINISHED}:
        request.state = STATES.VERIFYING
    elif STEP.SETTLING in states and not states & {STEP.PURGING}:
        request.state = STATES.SETTLING
    else:
        request.state = STATES.PURGING


def _start(request: DeletionRequest, found: Iterable[DeletionStep], now: datetime) -> None:
    """Lets the steps erase what they have planned, unless a guard asks first. What was answered is not asked again."""
    is_asked = request.kind == DeletionRequest.Kind.ERASURE
    asked = guards.questions(list(found), len(request.sessions)) if is_asked else {}
    for guard, question in asked.items():
        if guard not in request.answered:
            request.guard, request.question = guard, question
            break
    if request.question:
        logger.error("The erasure %s stops, for somebody to look at it.", request)
    else:
        request.purge_started_at = now


def end(request: DeletionRequest, now: datetime) -> None:
    """Certifies, and forgets whom it was about.

    Not while a night's retention is on its way: it may know of copies that the log, which it has emptied of them, could
    not tell the erasure of. Nor before a replica is read that came while the request was on its way: it may have been
    copied before anything was erased.
    """
    others = DeletionRequest.objects.filter(subject_id=request.subject_id).exclude(pk=request.pk)
    if others.filter(kind=DeletionRequest.Kind.RETENTION).exists():
        return
    if steps.make(request, followers()):
        request.state = STATES.VERIFYING
        return
    request.ended_at = now
    certificate.issue(request, now)
    request.state = STATES.CERTIFIED
    fence.suppress(request, now, now + fence.SUPPRESSED)
    request.steps.update(plan={}, held_reason="")
    others.update(subject_id=None, sessions=[], reason="")
    request.subject_id, request.sessions, request.reason = None, [], ""


def concerned(request: DeletionRequest) -> list[str]:
    """The holders that have a part in it.

    A retention leaves alone who the person is, and waits for no replica: nothing is certified, and one that is away
    must not keep the next night's from the database.
    """
    is_retention = request.kind == DeletionRequest.Kind.RETENTION
    return [
        name
        for name in holders.enabled()
        if not (is_retention and holders.get(name).phase >= holders.REMAINS)
    ]


def followers() -> list[str]:
    """The holders that have nothing to erase, and take time to follow what was."""
    return [name for name in holders.enabled() if holders.get(name).phase == holders.REPLICA]


def report_overdue() -> int:
    """Says loudly what is past its limit; how many there are."""
    late = overdue()
    for request in late:
        logger.error("The erasure %s is past its 72 hours: %s.", request, request.get_state_display().lower())
    return len(late)


def overdue(now: datetime | None = None) -> list[DeletionRequest]:
    """Those that are past their outer limit of 72 hours: a breach of what was promised."""
    open_ones = DeletionRequest.objects.filter(kind=DeletionRequest.Kind.ERASURE, fenced_at__isnull=False)
    moment = now or timezone.now()
    waiting = open_ones.exclude(state__in=[STATES.CERTIFIED, STATES.CANCELLED])
    return [request for request in waiting if request.due_at < moment]
