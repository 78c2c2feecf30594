"""For how long Pub/Sub may hand out a message after it was published, read from whatever keeps one.

The topic keeps messages for whoever seeks back; each of its subscriptions keeps what was not acknowledged (and what
was, where it is told to); a dead-letter topic begins to count anew with what it is given; a snapshot keeps what it has
until it expires. What a subscriber has taken out is the subscriber's.

What hung on the topic once goes on handing out what it has when it is cut off: a dead-letter topic whose subscription
was deleted, or has another policy by now. Whoever waits says what there was, and that is read by its name.
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
    """What may still hand a message out so long after it was published; a snapshot, `until` then.

    `before` is how much of that it may have taken until the message came here.
    """

    name: str
    keeps: timedelta
    until: datetime | None = None
    before: timedelta = timedelta(0)


def keepers(sink: "PubSubSink", path: str = "") -> list[Keeper]:
    """Whatever keeps messages of the topic; of the sink's own unless another path is given.

    Raises:
        Missing: there is no topic.
        Unavailable, Misconfigured, BatchRefused: as for `deliver`.
    """
    path = path or sink.path
    try:
        found = list(_of_topic(sink, path, timedelta(0), ()))
        return [*found, *_cut_off(sink, dead_letters_of(path), found)]
    except exceptions.NotFound as error:
        raise Missing(f"{type(error).__name__}: {error}") from error
    except FAILURES as error:
        raise classified(error) from error


def dead_letters_of(path: str) -> str:
    """The topic that `setup_pubsub` makes for what a subscriber of this one cannot use."""
    return f"{path}-dead"


def _cut_off(sink: "PubSubSink", path: str, found: Sequence[Keeper]) -> list[Keeper]:
    """What keeps messages of that topic of dead letters, when no subscription leads there any more."""
    if any(keeper.name == path for keeper in found):
        return []
    first = [keeper for keeper in found if not keeper.before]
    try:
        return list(_of_topic(sink, path, longest(first), ()))
    except exceptions.NotFound:
        return []


def again(sink: "PubSubSink", known: Keeper) -> list[Keeper]:
    """What is left of a keeper that was there once and is not reached from the topic any more, and hangs on it.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `deliver`.
    """
    kind = known.name.split("/")[2]
    try:
        if kind == "topics":
            return list(_of_topic(sink, known.name, known.before, ()))
        if kind == "snapshots":
            return list(_of_snapshot(sink, known.name))
        return list(_of_subscription(sink, known.name, known.keeps, known.before, ()))
    except exceptions.NotFound:
        return []  # what a topic itself kept went with it; its subscriptions are known by their own names
    except FAILURES as error:
        raise classified(error) from error


def is_among(known: Keeper, found: Sequence[Keeper]) -> bool:
    """Whether it was read just now, as something that messages may come to as late as they could before."""
    return any(keeper.name == known.name and keeper.before >= known.before for keeper in found)


def _of_topic(sink: "PubSubSink", path: str, before: timedelta, above: Sequence[str]) -> Iterator[Keeper]:
    """
    Args:
        before: how long it may have taken until the messages came to this topic.
        above: the topics that they came through.
    """
    topic = sink.publisher.get_topic(topic=path, **sink.how())
    own = before + (topic.message_retention_duration or timedelta(0))
    yield Keeper(path, own, before=before)
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
    yield Keeper(name, keeps, before=before)
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
