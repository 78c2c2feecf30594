"""For how long Pub/Sub may hand out a message after it was published, read from whatever keeps one.

The topic keeps messages for whoever seeks back; each of its subscriptions keeps what was not acknowledged (and what
was, where it is told to); a dead-letter topic begins to count anew with what it is given; a snapshot keeps what it has
until it expires. What a subscriber has taken out is the subscriber's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.api_core import exceptions

from capture.sinks.base import Difference, Misconfigured
from capture.sinks.pubsub_answers import FAILURES, classified
from privacy.models.erasure import OUTER_LIMIT

if TYPE_CHECKING:
    from capture.sinks.pubsub import PubSubSink

LIMIT = OUTER_LIMIT - timedelta(hours=1)
"""What erasures can wait for: their outer limit, less what they need for everything else."""
FOR_EVER = timedelta(days=3650)


class Missing(Misconfigured):
    """There is no topic of this name."""


@dataclass(frozen=True)
class Keeper:
    """What may still hand a message out so long after it was published; a snapshot, `until` then."""

    name: str
    keeps: timedelta
    until: datetime | None = None


def keepers(sink: "PubSubSink") -> list[Keeper]:
    """Whatever keeps messages of the topic.

    Raises:
        Missing: there is no topic.
        Unavailable, Misconfigured, BatchRefused: as for `deliver`.
    """
    try:
        return list(_of_topic(sink, sink.path, timedelta(0), ()))
    except exceptions.NotFound as error:
        raise Missing(f"{type(error).__name__}: {error}") from error
    except FAILURES as error:
        raise classified(error) from error


def _of_topic(sink: "PubSubSink", path: str, before: timedelta, above: Sequence[str]) -> Iterator[Keeper]:
    """
    Args:
        before: how long it may have taken until the messages came to this topic.
        above: the topics that they came through.
    """
    topic = sink.publisher.get_topic(topic=path, **sink.how())
    own = before + (topic.message_retention_duration or timedelta(0))
    yield Keeper(path, own)
    for name in list(sink.publisher.list_topic_subscriptions(topic=path, **sink.how())):
        yield from _of_subscription(sink, name, own, before, (*above, path))
    for name in list(sink.publisher.list_topic_snapshots(topic=path, **sink.how())):
        yield from _of_snapshot(sink, name)


def _of_subscription(
    sink: "PubSubSink", name: str, own: timedelta, before: timedelta, above: Sequence[str]
) -> Iterator[Keeper]:
    try:
        found = sink.subscriber.get_subscription(subscription=name, **sink.how())
    except exceptions.NotFound:
        return  # deleted meanwhile, with what it had
    if found.detached:
        return
    keeps = max(own, before + (found.message_retention_duration or timedelta(0)))
    yield Keeper(name, keeps)
    dead_letters = found.dead_letter_policy.dead_letter_topic
    if dead_letters in above:
        yield Keeper(name, FOR_EVER)
    elif dead_letters:
        try:
            yield from _of_topic(sink, dead_letters, keeps, above)
        except exceptions.NotFound:
            return


def _of_snapshot(sink: "PubSubSink", name: str) -> Iterator[Keeper]:
    try:
        found = sink.subscriber.get_snapshot(snapshot=name, **sink.how())
    except exceptions.NotFound:
        return
    yield Keeper(name, timedelta(0), datetime.fromtimestamp(found.expire_time.timestamp(), UTC))


def longest(found: Sequence[Keeper]) -> timedelta:
    return max((keeper.keeps for keeper in found), default=timedelta(0))


def gone_at(published_at: datetime, found: Sequence[Keeper]) -> datetime:
    """When nothing can be left of what was published by then, as things are configured now."""
    snapshots = [keeper.until for keeper in found if keeper.until]
    return max([published_at + longest(found), *snapshots])


def differences(sink: "PubSubSink") -> list[Difference]:
    """Where the topic is not there, or keeps messages for longer than an erasure may take."""
    try:
        found = keepers(sink)
    except Missing:
        remedy = "run `manage.py setup_pubsub`"
        return [Difference(sink.topic, "", "does not exist", remedy, stops_rows=True)]
    now = datetime.now(UTC)
    return [_too_long(sink, keeper, now) for keeper in found if _ends(keeper, now) > now + LIMIT]


def _ends(keeper: Keeper, now: datetime) -> datetime:
    return keeper.until or now + keeper.keeps


def _too_long(sink: "PubSubSink", keeper: Keeper, now: datetime) -> Difference:
    hours = (_ends(keeper, now) - now) / timedelta(hours=1)
    said = f"may hand out a message {hours:.0f} hours after it was published"
    if keeper.until:
        said = f"is a snapshot that is kept until {keeper.until:%Y-%m-%d %H:%M} UTC"
    elif keeper.keeps >= FOR_EVER:
        said = "hands its dead letters back to a topic that they came from"
    remedy = f"shorten it: every erasure waits for it, and has {LIMIT / timedelta(hours=1):.0f} hours"
    return Difference(sink.topic, keeper.name.removeprefix(f"projects/{sink.project}/"), said, remedy)
