"""A person's messages: subscribers are told, and nothing is absent before nothing can be left."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import types
from pytest_django import Settings

from capture import deliver, sinks
from capture.holders.log import EventLogHolder
from capture.holders.pubsub import PubSubHolder
from capture.models import OutboxBatch, Sink
from capture.sinks import pubsub_setup
from capture.sinks.pubsub import PubSubSink
from privacy.erasure import machine, requests
from privacy.holders import NeedsAttention, NotNow, Plan, Presence, Purged, Scope, Task
from privacy.models import Actor, Certificate, DeletionRequest, DeletionStep
from tests.capture.outbox_rows import configured
from tests.capture.stores import PubSubStore
from tests.capture.streams import configure, published, server_of, stream
from tests.capture.warehouse import a_day_of, capture, scope_of

__all__ = ["stream"]
HOUR = timedelta(hours=1)


def sent(*people: str) -> None:
    for user_id in people:
        capture(*a_day_of(user_id, f"visit of {user_id}"))
    deliver.drain("pubsub", is_final=True)


def planned(scope: Scope) -> Task:
    """What the machine knows once the log is empty of the person."""
    task = Task(scope, PubSubHolder().plan(scope), datetime.now(UTC))
    in_log = EventLogHolder()
    in_log.erase([Task(scope, in_log.plan(scope), datetime.now(UTC))])
    return task


def after(task: Task, purged: Purged, age: timedelta = timedelta(0)) -> Task:
    """The task as the machine asks again, so long after subscribers were told."""
    assert purged.details is not None
    told_at = datetime.fromisoformat(purged.details["told_at"]) - age
    return replace(task, plan=replace(task.plan, details=purged.details | {"told_at": told_at.isoformat()}))


def deletions(stream: PubSubStore) -> list[dict[str, Any]]:
    return [
        json.loads(message.data)
        for message in published(stream)
        if message.attributes["event_type"] == "deletion"
    ]


def keep(stream: PubSubStore, **hours: float) -> None:
    """So long a subscription of this name keeps messages."""
    for name, number in hours.items():
        path = f"projects/{stream.sink.project}/subscriptions/{name}"
        kept = {"name": path, "topic": stream.sink.path, "message_retention_duration": number * HOUR}
        stream.sink.subscriber.create_subscription(request=kept)


def test_subscribers_are_told_whom_to_erase(stream: PubSubStore) -> None:
    sent("ann", "ben")
    scope = scope_of("ann", "visit of ann")
    PubSubHolder().erase([planned(scope)])
    [message] = [one for one in published(stream) if one.attributes["event_type"] == "deletion"]
    said = json.loads(message.data)
    assert said.pop("timestamp")
    assert said == {
        "event_id": message.attributes["event_id"],
        "event_type": "deletion",
        "user_id": str(scope.subject_id),
        "session_ids": ["visit of ann"],
        "before": None,
        "schema_version": 1,
    }
    assert dict(message.attributes) == {
        "event_id": said["event_id"],
        "event_type": "deletion",
        "schema_version": "1",
    }


def test_a_message_about_a_person_comes_after_all_that_was_published_of_them(stream: PubSubStore) -> None:
    sent("ann")
    scope = scope_of("ann")
    PubSubHolder().erase([planned(scope)])
    theirs = [json.loads(one.data)["user_id"] == str(scope.subject_id) for one in published(stream)]
    assert theirs == [True] * 5
    assert published(stream)[-1].attributes["event_type"] == "deletion"


def test_nothing_is_absent_before_nothing_can_be_left(stream: PubSubStore) -> None:
    sent("ann")
    keep(stream, slow=20)
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    assert purged.again_at is not None
    assert timedelta(minutes=59) < purged.again_at - datetime.now(UTC) <= HOUR, "it is looked again by then"
    assert "handed out until" in purged.said
    for age in (timedelta(0), 20 * HOUR):
        finding = holder.verify(after(task, purged, age))
        assert (finding.presence, finding.found) == (Presence.PRESENT, 4)
        assert "handed out until" in finding.said
        assert holder.erase([after(task, purged, age)])[0].again_at
    over = after(task, purged, 20 * HOUR + timedelta(minutes=2))
    [done] = holder.erase([over])
    assert done.again_at is None
    assert holder.verify(over).presence == Presence.ABSENT
    assert len(deletions(stream)) == 1, "who was told once is not told with each look"


def test_a_retention_that_is_lengthened_meanwhile_is_waited_for(stream: PubSubStore) -> None:
    sent("ann")
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    over = after(task, purged, 3 * HOUR)
    assert holder.verify(over).presence == Presence.ABSENT
    keep(stream, later=31)
    assert holder.verify(over).presence == Presence.PRESENT


def test_dead_letters_are_waited_for_on_top(stream: PubSubStore) -> None:
    sent("ann")
    [topic] = [name for name in server_of(stream).topics if name.endswith("-dead")]
    dead = f"projects/{stream.sink.project}/subscriptions/{stream.sink.topic}-dead"
    server_of(stream).subscriptions[dead].message_retention_duration.FromSeconds(5 * 3600)
    assert server_of(stream).subscriptions[dead].topic == topic
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    assert holder.verify(after(task, purged, 5 * HOUR)).presence == Presence.PRESENT
    assert holder.verify(after(task, purged, 6 * HOUR + 2 * HOUR / 60)).presence == Presence.ABSENT


def test_a_snapshot_is_waited_for_and_counts_what_it_may_have(stream: PubSubStore) -> None:
    sent("ann")
    name = f"projects/{stream.sink.project}/snapshots/before-the-change"
    snapshot = types.Snapshot.pb()(name=name, topic=stream.sink.path)
    snapshot.expire_time.FromDatetime(datetime.now(UTC) + 100 * HOUR)
    server_of(stream).snapshots[name] = snapshot
    OutboxBatch.objects.update(delivered_at=datetime.now(UTC) - 6 * 24 * HOUR)
    task, holder = planned(scope_of("ann")), PubSubHolder()
    assert task.plan.rows == 4
    [purged] = holder.erase([task])
    assert holder.verify(after(task, purged, 99 * HOUR)).presence == Presence.PRESENT
    del server_of(stream).snapshots[name]
    assert holder.verify(after(task, purged, 99 * HOUR)).presence == Presence.ABSENT


def with_dead_letters(stream: PubSubStore) -> tuple[str, str]:
    """A subscription that keeps messages for a day, and that of what it cannot use, which keeps them for another."""
    pubsub_setup.set_up(stream.sink, 24 * HOUR, "fraud-check")
    del server_of(stream).subscriptions[stream.subscription]
    path = f"projects/{stream.sink.project}/subscriptions"
    return f"{path}/fraud-check", f"{path}/{stream.sink.topic}-dead"


def is_deleted(stream: PubSubStore, path: str) -> None:
    del server_of(stream).subscriptions[path]


def loses_its_policy(stream: PubSubStore, path: str) -> None:
    server_of(stream).subscriptions[path].ClearField("dead_letter_policy")


@pytest.mark.parametrize("change", [is_deleted, loses_its_policy])
def test_dead_letters_that_are_cut_off_meanwhile_are_waited_for(
    stream: PubSubStore, change: Callable[[PubSubStore, str], None]
) -> None:
    subscription, _ = with_dead_letters(stream)
    sent("ann")
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    change(stream, subscription)
    [looked] = holder.erase([after(task, purged, HOUR)])
    assert looked.again_at
    for age in (25 * HOUR, 47 * HOUR):
        assert holder.verify(after(task, purged, age)).presence == Presence.PRESENT
        assert holder.erase([after(task, looked, age)])[0].again_at
    assert holder.verify(after(task, looked, 50 * HOUR)).presence == Presence.ABSENT


def test_dead_letters_elsewhere_that_are_cut_off_are_read_by_name_until_they_are_deleted(
    stream: PubSubStore,
) -> None:
    subscription, dead = with_dead_letters(stream)
    topic = f"projects/{stream.sink.project}/topics/not-for-fraud-check"
    stream.sink.publisher.create_topic(name=topic)
    server_of(stream).subscriptions[subscription].dead_letter_policy.dead_letter_topic = topic
    server_of(stream).subscriptions[dead].topic = topic
    sent("ann")
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    is_deleted(stream, subscription)
    assert holder.verify(after(task, purged, 47 * HOUR)).presence == Presence.PRESENT
    server_of(stream).subscriptions[dead].message_retention_duration.FromSeconds(30 * 3600)
    assert holder.verify(after(task, purged, 53 * HOUR)).presence == Presence.PRESENT, "24 there, 30 here"
    assert holder.verify(after(task, purged, 55 * HOUR)).presence == Presence.ABSENT
    is_deleted(stream, dead)
    assert holder.verify(after(task, purged, 26 * HOUR)).presence == Presence.ABSENT


def test_dead_letters_that_were_cut_off_before_are_found_where_setup_made_them(stream: PubSubStore) -> None:
    subscription, _ = with_dead_letters(stream)
    sent("ann")
    is_deleted(stream, subscription)
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    assert holder.verify(after(task, purged, 47 * HOUR)).presence == Presence.PRESENT


def test_a_topic_that_the_settings_name_no_more_is_read_for_whom_it_told(
    stream: PubSubStore, settings: Settings
) -> None:
    sent("ann")
    keep(stream, slow=20)
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    newer = PubSubSink(stream.sink.project, "newer-events", stream.sink.endpoint)
    newer.publisher.create_topic(name=newer.path)
    newer.channel.close()
    configure(settings, newer)
    assert holder.verify(after(task, purged, 19 * HOUR)).presence == Presence.PRESENT
    keep(stream, slower=30)
    assert holder.verify(after(task, purged, 29 * HOUR)).presence == Presence.PRESENT
    assert holder.verify(after(task, purged, 31 * HOUR)).presence == Presence.ABSENT
    used = sinks.get("pubsub")
    assert isinstance(used, PubSubSink)
    used.channel.close()


def test_subscribers_were_told_when_pubsub_has_the_message_and_not_before(stream: PubSubStore) -> None:
    sent("ann")
    task, published_at = planned(scope_of("ann")), list[datetime]()

    def note(message: Any) -> bool:
        published_at.append(datetime.now(UTC))
        return True

    server_of(stream).schema = note
    [purged] = PubSubHolder().erase([task])
    assert purged.details is not None
    assert datetime.fromisoformat(purged.details["told_at"]) >= published_at[0]


def test_a_subscription_that_is_detached_hands_out_nothing(stream: PubSubStore) -> None:
    sent("ann")
    keep(stream, detached=30)
    path = f"projects/{stream.sink.project}/subscriptions/detached"
    server_of(stream).subscriptions[path].detached = True
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    assert holder.verify(after(task, purged, 3 * HOUR)).presence == Presence.ABSENT


def test_the_plan_counts_what_may_still_be_handed_out_and_the_export_gives_it(stream: PubSubStore) -> None:
    sent("ann", "ben")
    scope, holder = scope_of("ann"), PubSubHolder()
    given = list(holder.export(scope))
    assert [name for name, _ in given] == ["pubsub/messages"] * 4 == [*holder.fields()] * 4
    messages = [json.loads(message.data) for message in published(stream)]
    assert [row for _, row in given] == [one for one in messages if one["user_id"] == str(scope.subject_id)]
    assert holder.plan(scope).rows == 4
    OutboxBatch.objects.update(delivered_at=datetime.now(UTC) - 3 * HOUR)
    assert list(holder.export(scope)) == []
    assert holder.plan(scope) == Plan(0)


def test_what_was_never_sent_is_not_counted(stream: PubSubStore) -> None:
    sent("ben")
    capture(*a_day_of("ann"))
    assert PubSubHolder().plan(scope_of("ann")) == Plan(0)


def test_where_nothing_was_ever_sent_nobody_is_told_and_nothing_is_waited_for(stream: PubSubStore) -> None:
    task, holder = Task(scope_of("ann"), Plan(0), datetime.now(UTC)), PubSubHolder()
    assert holder.plan(task.scope) == Plan(0)
    assert holder.erase([task]) == [Purged(details={"never_used": True})]
    assert holder.verify(task).presence == Presence.ABSENT
    assert published(stream) == []


def test_many_are_told_with_one_request(stream: PubSubStore) -> None:
    sent("ann", "ben")
    tasks = [planned(scope_of(user_id)) for user_id in ("ann", "ben")]
    before = server_of(stream).requests.count("Publish")
    assert all(purged.again_at for purged in PubSubHolder().erase(tasks))
    assert server_of(stream).requests.count("Publish") == before + 1
    assert {one["user_id"] for one in deletions(stream)} == {str(task.scope.subject_id) for task in tasks}


def test_who_was_told_twice_was_told_by_the_same_id(stream: PubSubStore) -> None:
    sent("ann")
    task = planned(scope_of("ann"))
    server_of(stream).fail("Publish", grpc.StatusCode.UNAVAILABLE, is_done=True)
    with pytest.raises(NotNow):
        PubSubHolder().erase([task])
    PubSubHolder().erase([task])
    first, second = deletions(stream)
    assert first == second


def test_a_persons_own_retention_tells_what_is_too_old_and_waits_for_that_alone(stream: PubSubStore) -> None:
    sent("ann")
    OutboxBatch.objects.update(delivered_at=datetime.now(UTC) - timedelta(minutes=90))
    before = datetime.now(UTC) + HOUR
    task, holder = planned(scope_of("ann", before=before)), PubSubHolder()
    [purged] = holder.erase([task])
    assert purged.again_at is not None
    assert purged.again_at - datetime.now(UTC) < timedelta(minutes=32)
    assert deletions(stream)[0]["before"] == before.isoformat(timespec="microseconds").replace("+00:00", "Z")
    old = replace(task, plan=Plan(0))
    [done] = holder.erase([old])
    assert done.again_at is None
    assert holder.verify(after(old, done)).presence == Presence.ABSENT


@pytest.mark.parametrize(
    ("code", "presence"),
    [
        (grpc.StatusCode.UNAVAILABLE, Presence.UNREACHABLE),
        (grpc.StatusCode.PERMISSION_DENIED, Presence.FORBIDDEN),
        (grpc.StatusCode.UNIMPLEMENTED, Presence.UNSUPPORTED),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_never_absent(stream: PubSubStore, code: Any, presence: Presence) -> None:
    sent("ann")
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    over = after(task, purged, 1000 * HOUR)
    server_of(stream).fail("GetSubscription", code, times=2)
    assert holder.verify(over).presence == presence
    with pytest.raises((NotNow, NeedsAttention)):
        holder.erase([over])
    assert holder.verify(over).presence == Presence.ABSENT


def test_without_its_topic_nothing_is_known(stream: PubSubStore) -> None:
    sent("ann")
    task, holder = planned(scope_of("ann")), PubSubHolder()
    [purged] = holder.erase([task])
    del server_of(stream).topics[stream.sink.path]
    assert holder.verify(after(task, purged, 1000 * HOUR)).presence == Presence.FORBIDDEN
    with pytest.raises(NotNow):
        holder.erase([task])


def test_a_stream_that_is_switched_off_is_still_asked(stream: PubSubStore, settings: Settings) -> None:
    sent("ann")
    settings.SINKS = configured(redis=False)
    holder = PubSubHolder()
    assert holder.is_on()
    task = planned(scope_of("ann"))
    assert task.plan.rows == 4
    assert holder.erase([task])[0].again_at


def test_a_stream_without_settings_is_waited_for_until_staff_say_more(
    stream: PubSubStore, settings: Settings
) -> None:
    sent("ann")
    settings.SINKS = configured(redis=False)
    settings.PUBSUB_OPTIONS = {"project": "", "topic": "leafloaf-events", "endpoint": ""}
    holder, task = PubSubHolder(), Task(scope_of("ann"), Plan(4), datetime.now(UTC))
    with pytest.raises(NotNow, match="not configured"):
        holder.erase([task])
    assert holder.verify(task).presence == Presence.UNREACHABLE
    Sink.objects.filter(name="pubsub").update(state=Sink.State.OFF)
    with pytest.raises(NeedsAttention):
        holder.plan(task.scope)


def test_from_the_request_to_a_certificate_that_says_how(stream: PubSubStore, settings: Settings) -> None:
    """The machine waits with the step, keeps when subscribers were told, and certifies when the time is over."""
    elsewhere = ("redis", "cloud_storage", "bigquery", "training_exports")
    settings.DATA_HOLDERS = {
        name: path for name, path in settings.DATA_HOLDERS.items() if name not in elsewhere
    }
    sent("ann", "ben")
    request = requests.open_for("ann", Actor.USER, timedelta(0))
    machine.advance_all(until_quiet=True)
    step = DeletionStep.objects.get(request=request, holder="pubsub")
    assert (step.state, step.planned) == (DeletionStep.State.SETTLING, 4)
    assert "handed out until" in step.last_error
    assert DeletionRequest.objects.get(pk=request.pk).state == DeletionRequest.State.SETTLING

    assert step.plan is not None
    earlier = datetime.fromisoformat(step.plan["details"]["told_at"]) - 3 * HOUR
    step.plan["details"]["told_at"] = earlier.isoformat()
    step.available_at = datetime.now(UTC)
    step.save()
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.get(pk=request.pk).state == DeletionRequest.State.CERTIFIED
    document = json.loads(Certificate.objects.get(request=request).document)
    [said] = [one for one in document["holders"] if one["holder"] == "pubsub"]
    assert (said["presence"], said["removed"]) == ("absent", 4)
    assert "cannot be looked through for one person" in said["verified_by"]
    assert len(deletions(stream)) == 1


def test_a_certificate_says_nothing_of_messages_where_none_was_ever_sent(
    stream: PubSubStore, settings: Settings
) -> None:
    elsewhere = ("redis", "cloud_storage", "bigquery", "training_exports")
    settings.DATA_HOLDERS = {
        name: path for name, path in settings.DATA_HOLDERS.items() if name not in elsewhere
    }
    capture(*a_day_of("ann"))
    request = requests.open_for("ann", Actor.USER, timedelta(0))
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.get(pk=request.pk).state == DeletionRequest.State.CERTIFIED
    document = json.loads(Certificate.objects.get(request=request).document)
    [said] = [one for one in document["holders"] if one["holder"] == "pubsub"]
    assert said["verified_by"].startswith("Nothing was ever sent there")
    assert published(stream) == []


def test_who_is_told_after_all_is_certified_as_told(stream: PubSubStore) -> None:
    task, holder = Task(scope_of("ann"), Plan(0), datetime.now(UTC)), PubSubHolder()
    [unused] = holder.erase([task])
    assert unused.details is not None
    sent("ben")
    [purged] = holder.erase([replace(task, plan=Plan(0, details=unused.details))])
    assert purged.details is not None
    assert "never_used" not in purged.details
    assert len(deletions(stream)) == 1


def test_the_sink_is_used_as_the_account_of_each_part(stream: PubSubStore, settings: Settings) -> None:
    accounts = tuple((part, part) for part in ("reader", "eraser", "verifier"))
    sink = PubSubSink("shop-1", "leafloaf-events", accounts=accounts)
    assert sink.acting("eraser").acting("reader").account == "reader"
    assert sinks.get("pubsub").acting("reader") is sinks.get("pubsub")  # type: ignore[attr-defined]
