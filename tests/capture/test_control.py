"""What staff may tell a sink, and that it is on record."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from capture import control, deliver, events, health, ingest, seal
from capture.models import Sink
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from tests.capture import outbox_rows as rows

ACTS = [control.pause, control.resume, control.off, control.on]


@pytest.fixture
def _one_sink(db: None, settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True)


@pytest.mark.usefixtures("_one_sink")
@pytest.mark.parametrize(
    ("rest", "state"), [(control.pause, Sink.State.PAUSED), (control.off, Sink.State.OFF)]
)
def test_a_sink_at_rest_seals_nothing(rest: Callable[..., Sink], state: Sink.State) -> None:
    assert rest("redis", by="olive").state == state
    assert seal.due("redis", is_final=True) == 0
    assert Sink.objects.get(name="redis").state == state


@pytest.mark.usefixtures("_one_sink")
def test_a_sink_can_be_paused_before_it_was_ever_used() -> None:
    control.pause("redis", by="olive")
    assert Sink.objects.get().name == "redis"


@pytest.mark.usefixtures("_one_sink")
@pytest.mark.parametrize("act", [control.resume, control.on])
@pytest.mark.parametrize("state", [Sink.State.PAUSED, Sink.State.OFF])
def test_a_sink_goes_on_at_once_and_remembers_its_last_error(
    act: Callable[..., Sink], state: Sink.State
) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    Sink.objects.create(
        name="redis", state=state, failures=7, available_at=later, last_error="away", cursor_id=9
    )
    sink = act("redis", by="olive")
    assert sink.state == Sink.State.ENABLED
    assert sink.failures == 0
    assert sink.available_at <= datetime.now(UTC) + timedelta(seconds=5)
    assert sink.last_error == "away"
    assert sink.cursor_id == 9


@pytest.mark.usefixtures("_one_sink")
@pytest.mark.parametrize(
    ("act", "action"),
    list(zip(ACTS, ("pause sink", "resume sink", "switch sink off", "switch sink on"), strict=True)),
)
def test_every_act_is_on_record(act: Callable[..., Sink], action: str) -> None:
    act("redis", by="olive", because="a move")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target, entry.reason) == ("olive", action, "redis", "a move")


@pytest.mark.usefixtures("_one_sink")
@pytest.mark.parametrize("act", [*ACTS, control.back_fill])
def test_a_sink_that_is_not_configured_is_refused(act: Callable[..., object]) -> None:
    with pytest.raises(control.UnknownSink, match="warehouse"):
        act("warehouse", by="olive")
    assert not Sink.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_sink_switched_off_is_disabled_and_catches_up_when_it_is_on(memory: MemorySink) -> None:
    ingest.record(events.Search(event_id="e-1", query="milk"))
    assert deliver.drain("memory") == 1
    control.off("memory", by="olive")
    cursor = Sink.objects.values_list("cursor_xid", "cursor_id").get()
    ingest.record(events.Search(event_id="e-2", query="milk"))
    assert deliver.drain("memory") == 0
    assert Sink.objects.values_list("cursor_xid", "cursor_id").get() == cursor
    assert health.reading("memory", datetime.now(UTC)).health == "disabled"
    control.on("memory", by="olive")
    assert deliver.drain("memory") == 1
    assert [document["event_id"] for document in memory.records] == ["e-1", "e-2"]


def test_health_says_that_a_sink_switched_off_is_disabled(memory: MemorySink) -> None:
    control.off("memory", by="olive")
    health.take_readings()
    assert health.summary()["data_capture"] == {"memory": "disabled"}
    assert health.summary()["status"] == "healthy"


def test_what_is_being_sent_when_a_sink_is_paused_still_arrives(memory: MemorySink) -> None:
    ingest.record(events.Search(event_id="e-1", query="milk"))
    seal.due("memory")
    batch = deliver.claim("memory")
    assert batch is not None
    control.pause("memory", by="olive")
    assert deliver.send(batch) == 1
    assert deliver.claim("memory") is None
