from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from capture import control, seal
from capture.models import Sink
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_sink(settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True)


def test_a_paused_sink_seals_nothing() -> None:
    assert control.pause("redis").state == Sink.State.PAUSED
    assert seal.due("redis", is_final=True) == 0
    assert Sink.objects.get(name="redis").state == Sink.State.PAUSED


def test_a_sink_can_be_paused_before_it_was_ever_used() -> None:
    control.pause("redis")
    assert Sink.objects.get().name == "redis"


def test_a_resumed_sink_goes_on_at_once_and_remembers_its_last_error() -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    Sink.objects.create(
        name="redis", state="paused", failures=7, available_at=later, last_error="away", cursor_id=9
    )
    sink = control.resume("redis")
    assert sink.state == Sink.State.ENABLED
    assert sink.failures == 0
    assert sink.available_at <= datetime.now(UTC) + timedelta(seconds=5)
    assert sink.last_error == "away"
    assert sink.cursor_id == 9


@pytest.mark.parametrize("act", [control.pause, control.resume])
def test_a_sink_that_is_not_configured_is_refused(act: object) -> None:
    assert callable(act)
    with pytest.raises(control.UnknownSink, match="warehouse"):
        act("warehouse")
    assert not Sink.objects.exists()
