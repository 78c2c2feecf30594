"""`manage.py dead_letters` and `manage.py sink`."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from capture.log import oldest_day
from capture.models import DeadLetter, OutboxBatch, Sink
from capture.partitions import start_of
from leafloaf.access.models import AuditEntry
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _letters(settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True, bigquery=True)
    now = datetime.now(UTC)
    batch = rows.batch("bigquery", 1, now)
    rows.dead_letter(batch, "e-1", "no such field: a")
    rows.dead_letter(batch, "e-2", "no such field: b", event_type="cart")
    rows.dead_letter(batch, "e-3", "too large", day=now.date() - timedelta(days=3))
    rows.dead_letter(rows.batch("redis", 1, now), "e-1", "OOM")


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def of_state(state: str) -> list[tuple[str, str]]:
    return list(DeadLetter.objects.filter(state=state).order_by("id").values_list("sink", "event_id"))


def test_the_list_is_by_reason_in_the_sinks_own_words() -> None:
    said = run("dead_letters", "list", "--sink", "bigquery")
    assert "cart: no such field: b" in said
    assert "search: too large" in said
    assert said.endswith("3 dead letters\n")


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ([], ["e-1", "e-2", "e-3"]),
        (["--type", "cart"], ["e-2"]),
        (["--reason", "too large"], ["e-3"]),
        (["--reason", "no such*"], ["e-1", "e-2"]),
        (["--event", "e-1", "--event", "e-3"], ["e-1", "e-3"]),
        (["--day", "{today}"], ["e-1", "e-2"]),
        (["--day", "{before}..{today}"], ["e-1", "e-2", "e-3"]),
    ],
)
def test_a_replay_takes_what_the_filters_say_and_a_dry_run_only_counts(
    filters: list[str], ids: list[str]
) -> None:
    today = datetime.now(UTC).date()
    given = [part.format(today=today, before=today - timedelta(days=3)) for part in filters]
    said = run("dead_letters", "replay", "--sink", "bigquery", *given, "--dry-run")
    assert said == f"{len(ids)} dead letters; nothing done.\n"
    assert of_state("pending") == []
    run("dead_letters", "replay", "--sink", "bigquery", *given, "--because", "mended")
    assert of_state("pending") == [("bigquery", event_id) for event_id in ids]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.reason) == ("manage.py dead_letters", "mended")


def test_a_discard_needs_a_reason() -> None:
    with pytest.raises(CommandError, match="--because"):
        run("dead_letters", "discard", "--sink", "redis")
    assert of_state("discarded") == []
    assert (
        run("dead_letters", "discard", "--sink", "redis", "--because", "a test")
        == "1 dead letters discarded.\n"
    )
    assert of_state("discarded") == [("redis", "e-1")]


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="'soon' is not a day"):
        run("dead_letters", "list", "--sink", "redis", "--day", "soon")


@pytest.mark.parametrize(
    ("act", "state"), [("pause", "paused"), ("resume", "enabled"), ("off", "off"), ("on", "enabled")]
)
def test_a_sink_is_told_and_it_is_on_record(act: str, state: str) -> None:
    assert run("sink", act, "redis", "--dry-run") == f"Would {act} redis.\n"
    assert not Sink.objects.exists()
    assert run("sink", act, "redis", "--because", "a move") == f"redis is {state}.\n"
    assert Sink.objects.get().state == state
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.target, entry.reason) == ("manage.py sink", "redis", "a move")


def test_a_back_fill_says_what_it_comes_to() -> None:
    day = oldest_day()
    rows.batch("redis", 2, start_of(day + timedelta(days=1)))
    Sink.objects.create(name="redis", delivered=200)
    since = str(day + timedelta(days=1))
    said = run("sink", "back-fill", "redis", "--since", since, "--dry-run")
    count = OutboxBatch.objects.filter(sink="redis", day__gte=since).count()
    assert said == f"redis: {count} batches with {100 * count} events since {since}; nothing done.\n"
    assert not OutboxBatch.objects.filter(state="sealed").exists()
    run("sink", "back-fill", "redis", "--since", since, "--because", "Redis was lost")
    assert OutboxBatch.objects.filter(state="sealed").count() == count
    assert Sink.objects.get().delivered == 200 - 100 * count


def test_a_back_fill_from_before_the_log_names_its_oldest_day() -> None:
    with pytest.raises(CommandError, match=f"The log begins on {oldest_day()}"):
        run("sink", "back-fill", "redis", "--since", "2001-01-01")
