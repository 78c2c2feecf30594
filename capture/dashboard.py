"""*Backend health*: how each sink is doing, from stored readings and the outbox's own rows.

Nothing here asks a sink anything. Every query is bounded: by the number of sinks, or by a limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.template.defaultfilters import pluralize

from capture import (
    cards,
    connection_tests,
    control,
    dead_letters,
    failures,
    glances,
    health,
    history,
    horizon,
    notices,
    problems,
    questions,
    quotas,
    sinks,
)
from capture.models import Event, LedgerDay, OutboxBatch, Reading, Sink
from capture.once import once
from leafloaf.lib.headlines import Headline, Problem
from leafloaf.lib.row_numbers import row_number

CHANGE_PERMISSION = "capture.change_sink"
REPLAY_PERMISSION = "capture.change_deadletter"
STATES: dict[str, tuple[Callable[..., Sink], str]] = {
    "pause": (control.pause, "is paused"),
    "resume": (control.resume, "is resumed"),
    "off": (control.off, "is switched off"),
    "on": (control.on, "is switched on and catches up"),
}
NEEDS_A_REASON = frozenset({"pause", "off"})
LEDGER_DAYS = 7
LATEST_BATCHES = 20
LONGEST_REASON = 500


@dataclass(frozen=True)
class Sent:
    """One batch and how long it took, or has been waiting."""

    batch: OutboxBatch
    now: datetime

    @property
    def title(self) -> str:
        return cards.title_of(self.batch.sink)

    @property
    def seconds(self) -> float:
        """From being sealed to being delivered, or to now."""
        return ((self.batch.delivered_at or self.now) - self.batch.sealed_at).total_seconds()

    @property
    def age_seconds(self) -> float:
        """The same from the arrival of its oldest event."""
        return ((self.batch.delivered_at or self.now) - self.batch.oldest_received_at).total_seconds()


@dataclass(frozen=True)
class Account:
    """One sink's ledger, the newest day first."""

    name: str
    days: list[LedgerDay]

    @property
    def title(self) -> str:
        return cards.title_of(self.name)


class BackendHealth:
    """The page; `context` is what its template needs, `act` what its buttons do."""

    title = "Backend health"
    slug = "backend-health"
    permission = "capture.view_sink"
    template_name = "capture/backend_health.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        chosen = chosen_range(request)
        return {"range": chosen, "ranges": history.RANGES} | (question(request) or overview(request, chosen))

    def headline(self, request: HttpRequest) -> Headline:
        readings = {
            name: reading
            for name, reading in once(request, health.latest).items()
            if sinks.is_enabled(reading.sink)
        }
        if not any(map(sinks.is_enabled, settings.SINKS)):
            return Headline("disabled", "Every sink is switched off")
        if cards.is_stale(cards.last_read(readings.values()), datetime.now(UTC)):
            return Headline("unknown", "No recent reading: the worker or the scheduler is not running")
        return _headline(readings)

    def problems(self, request: HttpRequest) -> Sequence[Problem]:
        return problems.of_flow(
            once(request, health.latest),
            once(request, glances.of_sinks),
            once(request, notices.current),
            datetime.now(UTC),
        )

    def act(self, request: HttpRequest) -> str:
        """Does to one sink what a button says, and says what was done.

        Raises:
            PermissionDenied: the user may look only.
            ValidationError: it was not done, and why.
        """
        name, act = request.POST.get("sink", ""), request.POST.get("act", "")
        permission, do = ACTS.get(act, (CHANGE_PERMISSION, unknown))
        if not request.user.has_perm(permission):
            raise PermissionDenied
        try:
            return do(request, name)
        except control.UnknownSink as error:
            raise Http404(str(error)) from error
        except ValueError as error:
            raise ValidationError(f"Nothing was done. {error}") from error


def question(request: HttpRequest) -> dict[str, Any] | None:
    """What is asked before something is done, in place of the page."""
    user = request.user
    if user.has_perm(CHANGE_PERMISSION) and (back_fill := questions.back_fill(request.GET)):
        return {"is_question": True, "back_fill": back_fill}
    if user.has_perm(REPLAY_PERMISSION) and (replay := questions.replay(request.GET)):
        return {"is_question": True, "replay": replay}
    return None


def overview(request: HttpRequest, chosen: history.Range) -> dict[str, Any]:
    now = datetime.now(UTC)
    readings = once(request, health.latest)
    only = request.GET.get("sink", "")
    batches = [Sent(batch, now) for batch in latest_batches(only)]
    is_flowing = bool(batches) or any(one.waiting or one.delivered for one in readings.values())
    return {
        "now": now,
        "read_at": (read_at := cards.last_read(readings.values())),
        "is_stale": cards.is_stale(read_at, now),
        "notices": once(request, notices.current),
        "cards": cards.of_sinks(
            readings, history.of_sinks(chosen, now), once(request, glances.of_sinks), now
        ),
        "log": cards.LogCard(horizon.latest(), now),
        "bigquery": quotas.overview(now) if is_flowing else None,
        "has_events": is_flowing or Event.objects.exists(),
        "accounts": accounts(now),
        "only": only if only in settings.SINKS else "",
        "batches": batches,
        "reasons": failures.reasons(),
        "letters_looked_at": failures.LETTERS_LOOKED_AT,
        "failures": failures.deliveries(),
        "batches_looked_at": failures.BATCHES_LOOKED_AT,
        "may_change": request.user.has_perm(CHANGE_PERMISSION),
        "may_replay": request.user.has_perm(REPLAY_PERMISSION),
    }


def because(request: HttpRequest) -> str:
    return request.POST.get("because", "").strip()[:LONGEST_REASON]


def set_state(request: HttpRequest, name: str) -> str:
    act = request.POST["act"]
    do, now = STATES[act]
    if act in NEEDS_A_REASON and not because(request):
        raise ValidationError("Nothing was done. Say why: it is kept in the audit.")
    do(name, by=request.user.get_username(), because=because(request))
    return f"{cards.title_of(name)} {now}."


def back_fill(request: HttpRequest, name: str) -> str:
    day = questions.chosen_day(request.POST)
    done = control.back_fill(name, day, by=request.user.get_username(), because=because(request))
    return f"{cards.title_of(name)} gets {done.batches:,} batches with {done.events:,} events again."


def replay(request: HttpRequest, name: str) -> str:
    """What has died since the question was asked is left alone."""
    newest = row_number(request.POST.get("newest"))
    if name not in settings.SINKS:
        raise control.UnknownSink(f"There is no sink {name!r}.")
    if newest is None:
        raise ValidationError("Nothing was done. Ask again how many it would be.")
    letters = questions.letters(name, request.POST.get("alike", "")).filter(id__lte=newest)
    count = dead_letters.replay(letters, by=request.user.get_username(), because=because(request))
    return f"{count:,} dead letter{pluralize(count)} of {cards.title_of(name)} will be tried again."


def test(request: HttpRequest, name: str) -> str:
    connection_tests.ask(name, by=request.user.get_username())
    return f"{cards.title_of(name)} is being asked; its card says what came of it, within seconds."


def unknown(request: HttpRequest, name: str) -> str:
    raise Http404("That is nothing a sink can be told.")


ACTS: dict[str, tuple[str, Callable[[HttpRequest, str], str]]] = {
    **dict.fromkeys(STATES, (CHANGE_PERMISSION, set_state)),
    "back-fill": (CHANGE_PERMISSION, back_fill),
    "test": (CHANGE_PERMISSION, test),
    "replay": (REPLAY_PERMISSION, replay),
}


def _headline(readings: dict[str, Reading]) -> Headline:
    for state in ("unhealthy", "degraded"):
        if ill := [cards.title_of(name) for name, reading in readings.items() if reading.health == state]:
            waiting = sum(reading.waiting for reading in readings.values())
            verb = "is" if len(ill) == 1 else "are"
            return Headline(state, f"{', '.join(ill)} {verb} {state}; {waiting:,} events waiting")
    delivered = sum(reading.delivered for reading in readings.values())
    well = "The one sink is" if len(readings) == 1 else f"All {len(readings)} sinks are"
    return Headline("healthy", f"{well} healthy; {delivered:,} deliveries")


def chosen_range(request: HttpRequest) -> history.Range:
    wanted = request.GET.get("range", "")
    return next((offered for offered in history.RANGES if offered.key == wanted), history.RANGES[0])


def accounts(now: datetime) -> list[Account]:
    """The ledger's last days by sink."""
    since = now.date() - timedelta(days=LEDGER_DAYS - 1)
    days = LedgerDay.objects.filter(day__gte=since, sink__in=settings.SINKS).order_by("-day")
    by_sink: dict[str, list[LedgerDay]] = {}
    for day in days:
        by_sink.setdefault(day.sink, []).append(day)
    return [Account(name, by_sink[name]) for name in settings.SINKS if name in by_sink]


def latest_batches(name: str) -> QuerySet[OutboxBatch]:
    """By the primary key, or for one sink by its sequence: both have an index."""
    if name in settings.SINKS:
        return OutboxBatch.objects.filter(sink=name).order_by("-sequence")[:LATEST_BATCHES]
    return OutboxBatch.objects.order_by("-id")[:LATEST_BATCHES]
