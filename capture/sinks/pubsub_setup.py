"""The topic of events and, when asked for, a subscription with a place for what its subscriber cannot use."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from google.api_core import exceptions

from capture.sinks.pubsub import PubSubSink
from capture.sinks.pubsub_answers import FAILURES, classified
from capture.sinks.pubsub_retention import dead_letters_of

ATTEMPTS = 10
"""How often a message is handed to a subscriber before it is a dead letter."""
ACKNOWLEDGED_WITHIN = 60
RETRY = {"minimum_backoff": timedelta(seconds=1), "maximum_backoff": timedelta(minutes=5)}
NEVER: dict[str, Any] = {}
"""Expires never, though nobody should ask for a month."""


def set_up(sink: PubSubSink, retention: timedelta, subscription: str = "") -> list[str]:
    """Makes what is missing and brings up to date what differs; returns a line for each.

    Args:
        retention: how long topic and subscriptions keep a message.
        subscription: the name of a subscription to make, with a topic and a subscription for its dead letters.

    Raises:
        Unavailable, BatchRefused: Pub/Sub does not answer, or does not allow it.
    """
    try:
        done = [_topic(sink, sink.path, retention)]
        return [*done, *_subscriptions(sink, retention, subscription)] if subscription else done
    except FAILURES as error:
        raise classified(error) from error


def _subscriptions(sink: PubSubSink, retention: timedelta, name: str) -> Iterator[str]:
    dead_letters = dead_letters_of(sink.path)
    yield _topic(sink, dead_letters, None)
    yield _subscription(sink, f"{sink.topic}-dead", dead_letters, retention, {})
    policy = {"dead_letter_topic": dead_letters, "max_delivery_attempts": ATTEMPTS}
    yield _subscription(
        sink, name, sink.path, retention, {"dead_letter_policy": policy, "retry_policy": RETRY}
    )


def _topic(sink: PubSubSink, path: str, retention: timedelta | None) -> str:
    wanted: dict[str, Any] = {"name": path}
    if retention:
        wanted["message_retention_duration"] = retention
    try:
        live = sink.publisher.get_topic(topic=path, **sink.how())
    except exceptions.NotFound:
        sink.publisher.create_topic(request=wanted, **sink.how())
        return f"{path}: created{_hours(retention)}"
    if (live.message_retention_duration or None) == retention:
        return f"{path}: unchanged"
    mask = {"paths": ["message_retention_duration"]}
    sink.publisher.update_topic(request={"topic": wanted, "update_mask": mask}, **sink.how())
    return f"{path}: brought up to date{_hours(retention)}"


def _subscription(sink: PubSubSink, name: str, topic: str, retention: timedelta, more: dict[str, Any]) -> str:
    path = f"projects/{sink.project}/subscriptions/{name}"
    wanted = {
        "name": path,
        "topic": topic,
        "ack_deadline_seconds": ACKNOWLEDGED_WITHIN,
        "message_retention_duration": retention,
        "expiration_policy": NEVER,
        **more,
    }
    try:
        live = sink.subscriber.get_subscription(subscription=path, **sink.how())
    except exceptions.NotFound:
        sink.subscriber.create_subscription(request=wanted, **sink.how())
        return f"{path}: created{_hours(retention)}"
    fields = ["message_retention_duration", *more]
    if all(getattr(live, field) == getattr(type(live)(wanted), field) for field in fields):
        return f"{path}: unchanged"
    request = {"subscription": wanted, "update_mask": {"paths": fields}}
    sink.subscriber.update_subscription(request=request, **sink.how())
    return f"{path}: brought up to date{_hours(retention)}"


def _hours(retention: timedelta | None) -> str:
    return f", keeps messages for {retention / timedelta(hours=1):g} hours" if retention else ""
