"""What people and staff do with a deletion request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from leafloaf.access import audit
from privacy import anonymise, holders, subjects, tombstones
from privacy.erasure import fence, steps
from privacy.models import Actor, DeletionRequest, DeletionStep, Subject

COOLING_OFF = timedelta(hours=24)
LONGEST_COOLING_OFF = timedelta(days=7)
STATES = DeletionRequest.State
STEP, PRESENCE = DeletionStep.State, DeletionStep.Presence


class NotFound(LookupError):
    """There is no such request, or it is somebody else's: who asks is not told which."""


class TooLate(Exception):
    """The request has gone too far for that; the message says how far."""


class SamePerson(Exception):
    """Two people have to agree, and this is the first of them again."""


class StillInUse(Exception):
    """The place is in DATA_HOLDERS, so what is there can be erased and read again."""


class NamesThePerson(ValueError):
    """A reason that is kept for good says whom it is about."""


@dataclass(frozen=True)
class StoreProgress:
    """How far a request has come in one store, over all that it keeps there."""

    store: str
    title: str
    state: str
    attempts: int
    removed: int
    verified_at: datetime | None
    residual_until: datetime | None
    needs_attention: str
    held: bool


def open_for(user_id: str, actor: Actor, cooling_off: timedelta | None = None) -> DeletionRequest:
    """Fences the shop's user and begins to cool off; an open request of theirs is returned as it is.

    Args:
        cooling_off: 24 hours unless said, from none to 7 days.
    """
    wait = COOLING_OFF if cooling_off is None else min(max(cooling_off, timedelta(0)), LONGEST_COOLING_OFF)
    now = timezone.now()
    with transaction.atomic():
        subject = _locked(user_id)
        request = _open(subject) or _made(subject)
        # Received is what is new, and what staff have asked for: nobody has to approve that now.
        if request.state == STATES.RECEIVED:
            request.actor, request.purge_at = actor, now + wait
            _fence(request, now)
    return request


def ask_on_behalf(user_id: str, staff: str, reason: str) -> DeletionRequest:
    """Staff ask for somebody who cannot; nothing happens before a second one approves.

    Raises:
        NamesThePerson: the reason, which is kept, does.
    """
    with transaction.atomic():
        subject = _locked(user_id)
        if found := _open(subject):
            return found
        reason = _unnamed(reason, subject.pk)
        request = _made(subject, actor=Actor.STAFF, requested_by=staff, reason=reason)
        _tell(request, staff, "ask for an erasure", reason)
    return request


def approve(request_id: UUID, staff: str) -> DeletionRequest:
    """The second of two people agrees; the person is fenced, and it begins to cool off.

    Raises:
        SamePerson: it is who asked.
        TooLate: it does not wait for approval.
    """
    with transaction.atomic():
        request = _held(request_id)
        if request.state != STATES.RECEIVED:
            raise TooLate(f"It does not wait for approval: {request.get_state_display().lower()}.")
        if request.requested_by == staff:
            raise SamePerson("Somebody else than who asked has to approve.")
        now = timezone.now()
        request.approved_by, request.purge_at = staff, now + COOLING_OFF
        _fence(request, now)
        _tell(request, staff, "approve an erasure")
    return request


def cancel(request_id: UUID, staff: str = "") -> DeletionRequest:
    """Takes the fence down again; nothing was removed yet.

    Raises:
        TooLate: something may have been.
    """
    with transaction.atomic():
        request = _held(request_id)
        if request.state == STATES.CANCELLED:
            return request
        if not STATES(request.state).may_be_cancelled:
            raise TooLate(f"It cannot be cancelled any more: {request.get_state_display().lower()}.")
        if request.fenced_at:
            fence.take_down(request)
        request.state, request.ended_at, request.sessions = STATES.CANCELLED, timezone.now(), []
        request.steps.all().delete()
        request.save()
        if staff:
            _tell(request, staff, "cancel an erasure")
    return request


def expedite(request_id: UUID, staff: str = "") -> DeletionRequest:
    """Ends the cooling-off now.

    Raises:
        TooLate: it is over, or the request was cancelled.
    """
    with transaction.atomic():
        request = _held(request_id)
        if request.state not in {STATES.FENCED, STATES.COOLING_OFF}:
            raise TooLate(f"There is no wait to be skipped: {request.get_state_display().lower()}.")
        request.purge_at = timezone.now()
        request.save(update_fields=["purge_at"])
        if staff:
            _tell(request, staff, "expedite an erasure")
    return request


def let_go_on(request_id: UUID, staff: str) -> DeletionRequest:
    """Staff have looked at the question and say that it is right; everything is planned anew."""
    with transaction.atomic():
        request = _held(request_id)
        if not request.question:
            raise TooLate("Nothing is asked.")
        _tell(request, staff, "let an erasure go on", request.question)
        request.question, request.answered_by = "", staff
        request.answered = [*request.answered, request.guard]
        request.save(update_fields=["question", "answered_by", "answered"])
        to_plan = request.steps.exclude(state=STEP.GIVEN_UP)
        to_plan.update(plan=None, planned=None, available_at=timezone.now())
    return request


def hold(step_id: int, staff: str, reason: str) -> DeletionStep:
    """A legal hold: this store's step rests until it is released.

    Raises:
        TooLate: nothing is held there any more, or it is being erased at this moment.
        NamesThePerson: the reason, which is kept, does.
    """
    with transaction.atomic():
        step = DeletionStep.objects.select_for_update(of=("self",)).select_related("request").get(pk=step_id)
        if step.state in {STEP.ABSENT, STEP.GIVEN_UP}:
            raise TooLate("Nothing is done here any more.")
        if step.leased_until and step.leased_until > timezone.now():
            raise TooLate("A worker is at it at this moment; try again in a few seconds.")
        reason = _unnamed(reason, step.request.subject_id)
        step.held_by, step.held_reason, step.held_at = staff, reason, timezone.now()
        step.save(update_fields=["held_by", "held_reason", "held_at"])
        audit.record(staff, "hold an erasure", str(step), reason=reason)
    return step


def release(step_id: int, staff: str) -> DeletionStep:
    """Ends the legal hold."""
    with transaction.atomic():
        step = DeletionStep.objects.select_for_update().get(pk=step_id)
        audit.record(staff, "release an erasure", str(step), reason=step.held_reason)
        step.held_by, step.held_reason, step.held_at = "", "", None
        step.available_at = timezone.now()
        step.save(update_fields=["held_by", "held_reason", "held_at", "available_at"])
    return step


def retry(step_id: int, staff: str) -> DeletionStep:
    """Somebody has seen to what needed attention, or does not want to wait for the next try."""
    with transaction.atomic():
        step = DeletionStep.objects.select_for_update().get(pk=step_id)
        audit.record(staff, "retry an erasure", str(step), reason=step.needs_attention or step.last_error)
        step.needs_attention, step.available_at = "", timezone.now()
        step.save(update_fields=["needs_attention", "available_at"])
    return step


def give_up(step_id: int, staff: str, reason: str) -> DeletionStep:
    """Staff say that nobody can see to a place that was taken out of DATA_HOLDERS, for the request to come to its end.

    The certificate says so, and never that nothing is there. What says who the person is cannot be given up: at the end
    the shop would go on to know them.

    Raises:
        StillInUse: the place is in DATA_HOLDERS.
        TooLate: it is read again already, or a worker is at it at this moment, or it cannot be given up.
        NamesThePerson: the reason, which is kept, does.
        ValueError: there is no reason.
    """
    with transaction.atomic():
        step = DeletionStep.objects.select_for_update(of=("self",)).select_related("request").get(pk=step_id)
        _may_be_given_up(step)
        if not (reason := _unnamed(reason.strip(), step.request.subject_id)):
            raise ValueError("Say why.")
        step.state, step.presence, step.plan = STEP.GIVEN_UP, PRESENCE.GIVEN_UP, step.plan or {}
        step.lease_token = step.leased_until = step.verified_at = step.residual_until = None
        step.needs_attention, step.found = "", 0
        step.last_error = f"Given up by {staff}"
        step.save()
        audit.record(staff, "give up a store in an erasure", str(step), reason=reason)
    return step


def is_out_of_use(step: DeletionStep) -> bool:
    """Whether nobody can see to the step any more, so that staff may give it up."""
    is_open = step.state not in {STEP.ABSENT, STEP.GIVEN_UP} and step.request.state in steps.AT_WORK
    return is_open and step.holder not in settings.DATA_HOLDERS and step.phase != holders.REMAINS


def _may_be_given_up(step: DeletionStep) -> None:
    if step.holder in settings.DATA_HOLDERS:
        raise StillInUse(f"{step.holder} is in DATA_HOLDERS: it can be tried again, not given up.")
    if step.state in {STEP.ABSENT, STEP.GIVEN_UP} or step.request.state not in steps.AT_WORK:
        raise TooLate("There is nothing to give up.")
    if step.phase == holders.REMAINS:
        raise TooLate("What says who the person is cannot be given up: put the holder back.")
    if step.leased_until and step.leased_until > timezone.now():
        raise TooLate("A worker is at it at this moment; try again in a few seconds.")


def get(user_id: str, request_id: UUID) -> DeletionRequest:
    """The user's own request. The one place that decides whose it is.

    Raises:
        NotFound: see there.
    """
    if found := _of(user_id).filter(pk=request_id).first():
        return found
    raise NotFound("This user has no such deletion request.")


def of_user(user_id: str) -> list[DeletionRequest]:
    """Theirs, newest first; those that ended with a certificate too."""
    return list(_of(user_id).order_by("-created_at"))


def _of(user_id: str) -> QuerySet[DeletionRequest]:
    hashes = list(tombstones.hashes_of(user_id))
    return DeletionRequest.objects.filter(user_hash__in=hashes, kind=DeletionRequest.Kind.ERASURE)


def dry_run(user_id: str) -> list[tuple[str, int]]:
    """What an erasure would remove: (title, rows) of each holder; changes nothing, nor makes anybody known.

    Raises:
        holders.NotNow: a store does not answer.
    """
    subject = Subject.objects.filter(user_id=user_id).first()
    if subject is None:
        return [(holders.get(name).title, 0) for name in holders.enabled()]
    scope = holders.Scope(subject.pk, holders.visits(subject.pk))
    return [(holders.get(name).title, holders.get(name).plan(scope).rows) for name in holders.enabled()]


def progress(request: DeletionRequest) -> list[StoreProgress]:
    """One entry for each store, in the order in which they are emptied."""
    by_store: dict[str, list[DeletionStep]] = {}
    for step in request.steps.all():
        by_store.setdefault(step.store, []).append(step)
    return [_summed(store, parts) for store, parts in by_store.items()]


def _summed(store: str, parts: Sequence[DeletionStep]) -> StoreProgress:
    """A store is as far as the last of its steps, and held or in need of attention with any of them."""
    states = [DeletionStep.State(step.state) for step in parts]
    verified = [step.verified_at for step in parts]
    return StoreProgress(
        store=store,
        title=TITLES.get(store, store),
        state=_state_of(states).value,
        attempts=sum(step.attempts for step in parts),
        removed=sum(step.planned or 0 for step in parts if step.purged_at),
        verified_at=max((at for at in verified if at), default=None) if all(verified) else None,
        residual_until=max((step.residual_until for step in parts if step.residual_until), default=None),
        needs_attention=" ".join(step.needs_attention for step in parts if step.needs_attention),
        held=any(step.held_at for step in parts),
    )


def _state_of(states: Sequence[DeletionStep.State]) -> DeletionStep.State:
    """That of the last; but a store that has begun is not waiting, though a part of it still is."""
    last = min(states, key=list(DeletionStep.State).index)
    has_begun = any(state != DeletionStep.State.WAITING for state in states)
    return DeletionStep.State.PURGING if has_begun and last == DeletionStep.State.WAITING else last


TITLES = {
    "postgres": "Database",
    "redis": "Redis",
    "cloud_storage": "Cloud Storage",
    "bigquery": "BigQuery",
    "pubsub": "Pub/Sub",
    "spanner": "Spanner",
    "replica": "Replica of the database",
}


def _locked(user_id: str) -> Subject:
    """The user's row, held until the transaction ends, whether they are being erased or not."""
    subjects.resolve([user_id])
    return Subject.objects.select_for_update().get(user_id=user_id)


def _open(subject: Subject) -> DeletionRequest | None:
    ended = [STATES.CANCELLED, STATES.CERTIFIED]
    mine = DeletionRequest.objects.filter(subject_id=subject.pk, kind=DeletionRequest.Kind.ERASURE)
    return mine.exclude(state__in=ended).first()


def _made(subject: Subject, **values: object) -> DeletionRequest:
    request = DeletionRequest(
        subject_id=subject.pk,
        user_hash=tombstones.hash_of(subject.user_id),
        generation=subject.generation,
        created_at=timezone.now(),
        **values,
    )
    request.save(force_insert=True)
    return request


def _fence(request: DeletionRequest, now: datetime) -> None:
    fence.put_up(request, now)
    request.state = STATES.COOLING_OFF if request.purge_at and request.purge_at > now else STATES.FENCED
    request.save()
    steps.make(request, holders.enabled())  # to be held, and to be seen, from now on


def _unnamed(reason: str, subject_id: UUID | None) -> str:
    """The reason, scrubbed of what has the shape of somebody's.

    Raises:
        NamesThePerson: it has the shop's id of the user, or the pseudonym.
    """
    subject = Subject.objects.filter(pk=subject_id).first() if subject_id else None
    names = (subject.user_id, str(subject.pk)) if subject else ()
    if any(name.lower() in reason.lower() for name in names):
        raise NamesThePerson("The reason is kept for good: say it without the person's id.")
    return anonymise.scrub(reason)


def _held(request_id: UUID) -> DeletionRequest:
    try:
        return DeletionRequest.objects.select_for_update().get(pk=request_id)
    except DeletionRequest.DoesNotExist as error:
        raise NotFound("There is no such deletion request.") from error


def _tell(request: DeletionRequest, staff: str, action: str, reason: str = "") -> None:
    audit.record(staff, action, str(request.pk), reason=reason)
