"""What is wrong with the flow of events, since when, and what to press: for the overview."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.template.defaultfilters import pluralize
from django.urls import reverse

from capture import cards, health
from capture.cards import title_of
from capture.glances import Glance
from capture.models import Notice, Reading, Sink
from leafloaf.lib.headlines import Problem

OF_QUALITY = ("retention",)
"""How the kinds of notices begin that *Data quality* tells of; *Backend health* tells of the others,"""
OF_SINKS = ("schema", "doubled-")
"""but not of these, which the sink that they are about tells of itself."""


def of_flow(
    readings: dict[str, Reading], found: dict[str, Glance], noticed: list[Notice], now: datetime
) -> list[Problem]:
    """Everything that *Backend health* has to say."""
    on = [glance for glance in found.values() if glance.is_on]
    read_at = cards.last_read(readings[one.sink] for one in on if one.sink in readings)
    problems = [problem for one in found.values() for problem in _unclosed(one)]
    if on and cards.is_stale(read_at, now):
        problems.append(_unread(read_at))
    else:
        problems += [
            problem for one in on if one.sink in readings for problem in _of_sink(one, readings[one.sink])
        ]
    return problems + [
        _noticed(one, page()) for one in noticed if not one.kind.startswith(OF_QUALITY + OF_SINKS)
    ]


def of_quality(noticed: list[Notice], address: str) -> list[Problem]:
    return [_noticed(one, address) for one in noticed if one.kind.startswith(OF_QUALITY)]


def page(anchor: str = "") -> str:
    return reverse("admin:dashboard", args=["backend-health"]) + (f"#{anchor}" if anchor else "")


def _unread(read_at: datetime | None) -> Problem:
    said = "The worker or the scheduler is not running: nobody reads how the sinks are doing."
    return Problem("unhealthy" if read_at else "degraded", said, read_at, "See what to start", page())


def _unclosed(one: Glance) -> Iterator[Problem]:
    if one.difference and one.open_day:
        name, since = title_of(one.sink), datetime.combine(one.open_day, datetime.min.time(), tzinfo=UTC)
        said = f"The ledger of {name} does not close on {one.open_day}: {one.difference:,} unexplained."
        yield Problem("unhealthy", said, since, "See the ledger", page("ledger"))


def _of_sink(one: Glance, last: Reading) -> list[Problem]:
    """What a person can press something about; a sink that is ill for no such reason is named all the same."""
    found = [*_flow(one, last), *_casualties(one, last)]
    if not found and last.health not in {"healthy", "disabled"}:
        name = title_of(one.sink)
        found.append(
            Problem("degraded", f"{name} is {last.health}.", one.ill_since, f"See {name}", card(one))
        )
    return found


def _flow(one: Glance, last: Reading) -> Iterator[Problem]:
    """Why nothing, or too little, goes there."""
    name, waits = title_of(one.sink), f"{last.waiting:,} event{pluralize(last.waiting)} waiting"
    if one.state == Sink.State.PAUSED:
        yield Problem("degraded", f"{name} is paused; {waits}.", one.ill_since, f"Resume {name}", card(one))
    elif one.failures:
        said = f"{name} failed {one.failures:,} time{pluralize(one.failures)} in a row; {waits}."
        is_down = one.failures > health.FAILURES_ALLOWED
        yield Problem(
            "unhealthy" if is_down else "degraded", said, one.ill_since, f"Try {name} now", card(one)
        )
    elif last.lag_seconds > health.LAG_ALLOWED.get(one.sink, health.OTHER_LAG_ALLOWED):
        yield Problem("degraded", f"{name} is late; {waits}.", one.ill_since, f"See {name}", card(one))


def _casualties(one: Glance, last: Reading) -> Iterator[Problem]:
    """What stays behind although the rest goes on."""
    name, since = title_of(one.sink), one.ill_since
    if one.blocked:
        said = f"{name} has {one.blocked} blocked batch{pluralize(one.blocked, 'es')}."
        address = rows("outboxbatch", one.sink, "state__exact=blocked")
        yield Problem("degraded", said, since, "See what blocks", address)
    if last.dead:
        said = f"{name} refused {last.dead:,} event{pluralize(last.dead)} for good."
        yield Problem("degraded", said, since, "Replay or discard", page("reasons"))
    if one.is_doubled:
        address = rows("outboxbatch", one.sink, "doubled__gt=0")
        yield Problem("degraded", f"{name} holds events more than once.", since, "See the batches", address)
    if one.is_drifted:
        said = f"The tables of {name} are not as the vocabulary has them."
        yield Problem("degraded", said, since, "See the differences", rows("schemadrift", one.sink))


def card(one: Glance) -> str:
    return page(f"sink-{one.sink}")


def rows(model: str, sink: str, also: str = "") -> str:
    """The list of a sink's rows."""
    query = "&".join(filter(None, (f"sink={sink}", also)))
    return f"{reverse(f'admin:capture_{model}_changelist')}?{query}"


def _noticed(notice: Notice, address: str) -> Problem:
    return Problem("degraded", notice.sentence, notice.first_seen_at, "Read more", address)
