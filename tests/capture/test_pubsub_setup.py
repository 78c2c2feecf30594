"""Topic and subscriptions: made, brought up to date, and what is kept for longer than an erasure may take is told."""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from django.core.management import CommandError, call_command
from google.pubsub_v1 import types
from pytest_django import Settings

from capture import deliver, schema_check, sinks
from capture.models import Notice, SchemaDrift
from capture.sinks import pubsub_retention, pubsub_setup
from capture.sinks.base import Difference
from capture.sinks.memory import MemorySink
from capture.sinks.pubsub import PubSubSink
from capture.sinks.pubsub_retention import LIMIT
from privacy.models.erasure import OUTER_LIMIT
from tests.capture.stores import PubSubStore
from tests.capture.streams import configure, published, server_of, stream
from tests.capture.warehouse import a_day_of, capture
from tests.conftest import memory_configuration

__all__ = ["stream"]
HOUR = timedelta(hours=1)


@pytest.fixture(params=["stand-in", "emulator"])
def sink(request: pytest.FixtureRequest) -> PubSubSink:
    """On a project that has nothing yet."""
    name = f"events-{datetime.now(UTC).timestamp()}"
    if request.param == "emulator":
        return PubSubSink("shop-1", name, f"http://{request.getfixturevalue('pubsub_emulator')}")
    opened: PubSubStore = request.getfixturevalue("stream")
    return PubSubSink("shop-1", name, opened.sink.endpoint)


def subscription(sink: PubSubSink, name: str) -> types.Subscription:
    return sink.subscriber.get_subscription(subscription=f"projects/{sink.project}/subscriptions/{name}")


def test_it_makes_a_topic_and_changes_nothing_the_second_time(sink: PubSubSink) -> None:
    assert pubsub_setup.set_up(sink, 24 * HOUR) == [f"{sink.path}: created, keeps messages for 24 hours"]
    assert pubsub_setup.set_up(sink, 24 * HOUR) == [f"{sink.path}: unchanged"]
    assert sink.publisher.get_topic(topic=sink.path).message_retention_duration == 24 * HOUR
    sink.probe()


def test_a_subscription_comes_with_a_place_for_dead_letters(sink: PubSubSink) -> None:
    name = f"{sink.topic}-reader"
    made = pubsub_setup.set_up(sink, 24 * HOUR, name)
    assert [line.partition(": ")[2].split(",")[0] for line in made] == ["created"] * 4
    found = subscription(sink, name)
    assert found.topic == sink.path
    assert found.message_retention_duration == 24 * HOUR
    assert found.dead_letter_policy.dead_letter_topic == f"{sink.path}-dead"
    assert found.dead_letter_policy.max_delivery_attempts == pubsub_setup.ATTEMPTS
    assert subscription(sink, f"{sink.topic}-dead").topic == f"{sink.path}-dead"
    again = pubsub_setup.set_up(sink, 24 * HOUR, name)
    assert [line.partition(": ")[2] for line in again] == ["unchanged"] * 4


def test_another_retention_is_brought_up_to_date(sink: PubSubSink) -> None:
    name = f"{sink.topic}-reader"
    pubsub_setup.set_up(sink, 24 * HOUR, name)
    changed = pubsub_setup.set_up(sink, 12 * HOUR, name)
    assert [line.partition(": ")[2].split(",")[0] for line in changed] == [
        "brought up to date",
        "unchanged",
        "brought up to date",
        "brought up to date",
    ]
    assert subscription(sink, name).message_retention_duration == 12 * HOUR
    assert pubsub_retention.longest(pubsub_retention.keepers(sink)) == 24 * HOUR


def test_what_is_set_up_leaves_an_erasure_its_time(sink: PubSubSink) -> None:
    assert OUTER_LIMIT - LIMIT == HOUR
    pubsub_setup.set_up(sink, 35 * HOUR, f"{sink.topic}-reader")
    assert pubsub_retention.longest(pubsub_retention.keepers(sink)) == 70 * HOUR < LIMIT
    assert sink.differences(90) == []


def test_a_topic_that_is_not_there_is_told(sink: PubSubSink) -> None:
    [found] = sink.differences(90)
    assert str(found) == f"{sink.topic} does not exist; run `manage.py setup_pubsub`"
    assert found.stops_rows


def test_a_subscription_that_keeps_messages_too_long_is_told(sink: PubSubSink) -> None:
    pubsub_setup.set_up(sink, 24 * HOUR)
    name = f"projects/{sink.project}/subscriptions/{sink.topic}-slow"
    sink.subscriber.create_subscription(request={"name": name, "topic": sink.path})
    [found] = sink.differences(90)
    assert str(found) == (
        f"{sink.topic}.subscriptions/{sink.topic}-slow may hand out a message 168 hours after it was published; "
        "shorten it: every erasure waits for it, and has 71 hours"
    )


def too_long_a_topic(stream: PubSubStore) -> None:
    server_of(stream).topics[stream.sink.path].message_retention_duration.FromSeconds(72 * 3600)


def too_long_with_dead_letters(stream: PubSubStore) -> None:
    dead = f"projects/{stream.sink.project}/subscriptions/{stream.sink.topic}-dead"
    server_of(stream).subscriptions[dead].message_retention_duration.FromSeconds(71 * 3600)


def a_circle(stream: PubSubStore) -> None:
    dead = f"projects/{stream.sink.project}/subscriptions/{stream.sink.topic}-dead"
    server_of(stream).subscriptions[dead].dead_letter_policy.dead_letter_topic = stream.sink.path


def a_snapshot(stream: PubSubStore) -> None:
    name = f"projects/{stream.sink.project}/snapshots/before-the-change"
    snapshot = types.Snapshot.pb()(name=name, topic=stream.sink.path)
    snapshot.expire_time.FromDatetime(datetime.now(UTC) + 100 * HOUR)
    server_of(stream).snapshots[name] = snapshot


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (too_long_a_topic, "may hand out a message 72 hours"),
        (too_long_with_dead_letters, "may hand out a message 72 hours"),
        (a_circle, "hands its dead letters back to a topic that they came from"),
        (a_snapshot, "is a snapshot that is kept until"),
    ],
)
def test_whatever_keeps_messages_too_long_is_told(
    stream: PubSubStore, change: Callable[[PubSubStore], None], said: str
) -> None:
    assert stream.sink.differences(90) == []
    change(stream)
    assert said in str(stream.sink.differences(90)[0])


def test_what_differs_is_on_the_dashboard_and_the_command_ends_with_1(stream: PubSubStore) -> None:
    too_long_a_topic(stream)
    schema_check.run()
    assert {drift.sink for drift in SchemaDrift.objects.all()} == {"pubsub"}
    assert "pubsub differs" in Notice.objects.get().sentence
    with pytest.raises(CommandError, match="differences"):
        call_command("check_schema", stdout=(said := io.StringIO()))
    assert "may hand out a message 72 hours" in said.getvalue()
    server_of(stream).topics[stream.sink.path].message_retention_duration.FromSeconds(3600)
    call_command("check_schema", stdout=io.StringIO())
    assert not Notice.objects.exists()


def test_the_past_comes_by_itself_and_a_subscription_that_is_made_afterwards_is_spared_it(
    stream: PubSubStore,
) -> None:
    capture(*a_day_of("ann"))
    deliver.drain("pubsub", is_final=True)
    assert len(published(stream)) == 4
    pubsub_setup.set_up(stream.sink, HOUR, "late")
    capture(*a_day_of("ben"))
    deliver.drain("pubsub", is_final=True)
    waiting = server_of(stream).waiting[f"projects/{stream.sink.project}/subscriptions/late"]
    assert len(waiting) == 4
    assert len(published(stream)) == 8


def test_a_stream_that_does_not_answer_keeps_no_other_store_from_being_compared(
    stream: PubSubStore, settings: Settings
) -> None:
    old = Difference("leafloaf-events", "topics/old", "may hand out a message 90 hours", "shorten it")
    schema_check.store("pubsub", [old])
    other = memory_configuration(BACKEND="tests.capture.test_pubsub_setup.Drifted")
    settings.SINKS = settings.SINKS | {"bigquery": other}
    server_of(stream).fail("GetTopic", grpc.StatusCode.UNAVAILABLE, times=2)
    with pytest.raises(schema_check.Unanswered, match="pubsub could not be asked"):
        schema_check.run()
    assert {drift.sink for drift in SchemaDrift.objects.all()} == {"pubsub", "bigquery"}
    said = " ".join(Notice.objects.values_list("sentence", flat=True))
    assert "bigquery differs" in said
    assert "pubsub differs" in said, "what was found before still stands"
    with pytest.raises(CommandError, match="pubsub could not be asked"):
        call_command("check_schema", stdout=(told := io.StringIO()))
    assert "is missing" in told.getvalue()


class Drifted(MemorySink):
    """A store whose table lacks a column."""

    def differences(self, retention_days: int) -> Sequence[Difference]:
        return [Difference("order_events", "currency", "is missing", "run setup")]


def test_the_command_makes_what_the_settings_name(stream: PubSubStore, settings: Settings) -> None:
    configure(settings, PubSubSink("shop-1", "new-events", stream.sink.endpoint))
    settings.PUBSUB_RETENTION_HOURS = 2.5
    call_command("setup_pubsub", "--subscription", "reader", stdout=(said := io.StringIO()))
    assert said.getvalue().splitlines() == [
        "projects/shop-1/topics/new-events: created, keeps messages for 2.5 hours",
        "projects/shop-1/topics/new-events-dead: created",
        "projects/shop-1/subscriptions/new-events-dead: created, keeps messages for 2.5 hours",
        "projects/shop-1/subscriptions/reader: created, keeps messages for 2.5 hours",
    ]
    too_long = "projects/shop-1/subscriptions/theirs"
    stream.sink.subscriber.create_subscription(
        request={"name": too_long, "topic": "projects/shop-1/topics/new-events"}
    )
    call_command("setup_pubsub", stdout=(said := io.StringIO()))
    assert "subscriptions/theirs may hand out a message 168 hours" in said.getvalue()
    made = sinks.get("pubsub")
    assert isinstance(made, PubSubSink)
    made.channel.close()


def test_the_command_says_why_it_cannot(stream: PubSubStore, settings: Settings) -> None:
    server_of(stream).fail("GetTopic", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(CommandError, match="does not let us: PermissionDenied"):
        call_command("setup_pubsub")
    settings.ENABLE_PUBSUB = False
    with pytest.raises(CommandError, match="ENABLE_PUBSUB=true and PUBSUB_PROJECT"):
        call_command("setup_pubsub")
