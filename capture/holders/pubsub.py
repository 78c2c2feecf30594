"""A person's messages in Pub/Sub, which nobody can take out or look for one by one.

Invariants:
* Subscribers are told before anything is waited for: a deletion message follows whatever was published of the person,
  for by then the log is empty of them and nothing is on its way (`capture.holders.log`).
* Nothing is `absent` before the longest time has passed for which topic, subscriptions, dead letters and snapshots keep
  what was published by then, the deletion message itself included. How long that is, is read from Pub/Sub each time.
* What was found to keep messages while an erasure waits is remembered by name and read until the end, for it may be
  cut off the topic and hand out what it has all the same; so is the topic itself, should the settings name another.
* Without a topic nothing is known: its subscriptions may go on handing out what they had.

What subscribers have taken out is theirs to erase (docs/streams.md).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from capture import sinks
from capture.holders import in_use, theirs
from capture.holders.failures import FAILURES, finding_of, told
from capture.holders.in_use import NotConfigured
from capture.models import DeadLetter, OutboxBatch
from capture.records import Record, encoder
from capture.sinks.google_accounts import ERASER, READER, VERIFIER
from privacy.holders import (
    NEVER_USED,
    BaseHolder,
    Finding,
    Plan,
    Presence,
    Purged,
    Scope,
    Task,
)

if TYPE_CHECKING:  # Google's client costs memory, and holders are made in shops that have no stream
    from capture.sinks.pubsub import PubSubSink
    from capture.sinks.pubsub_retention import Keeper

NAME = "pubsub"
FILE = "pubsub/messages"
AGAIN = timedelta(hours=1)
"""How often it is looked whether the retention was changed, while it is waited for."""
MARGIN = timedelta(minutes=1)
"""Between Pub/Sub's clock and ours."""
OLDEST_IN_SNAPSHOT = timedelta(days=7)
"""Pub/Sub documentation, "Snapshot overview": it expires before it has a message that is older."""
SENT, TOLD = "sent_at", "told_at"
"""In a plan's details: when the last of their messages was published, and when subscribers were told."""
TOPIC, KEPT = "topic", "kept"
"""And by which topic, and what kept its messages since: names, and seconds."""


class PubSubHolder(BaseHolder):
    store = NAME
    title = "Messages to subscribers"
    people_at_once = 100

    def is_on(self) -> bool:
        return in_use.is_in_use(NAME)

    def plan(self, scope: Scope) -> Plan:
        sent = list(self._sent(scope))
        last = max((at for at, _ in sent), default=None)
        return Plan(len(sent), details={SENT: last.isoformat()} if last else {})

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        if not in_use.was_sent_anything(NAME):
            return [Purged(details=task.plan.details | {NEVER_USED: True}) for task in tasks]
        with told(NAME, "Pub/Sub"):
            found = kept_of(tasks, ERASER)
            topic = tell([task for task in tasks if TOLD not in task.plan.details])
        now = datetime.now(UTC)  # reading and telling may take minutes: what is told counts from here
        since = [since_told(task, now, topic, one) for task, one in zip(tasks, found, strict=True)]
        return [waiting(task, one, now) for task, one in zip(since, found, strict=True)]

    def verify(self, task: Task) -> Finding:
        return self.verify_all([task])[0]

    def verify_all(self, tasks: Sequence[Task]) -> Sequence[Finding]:
        """How long things are kept is read once for all of them."""
        if not in_use.was_sent_anything(NAME):
            return [Finding(Presence.ABSENT, said="nothing was ever sent") for _ in tasks]
        try:
            found = kept_of(tasks, VERIFIER)
        except FAILURES as error:
            return [finding_of(error) for _ in tasks]
        return [finding(task, one) for task, one in zip(tasks, found, strict=True)]

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        for _, document in self._sent(scope):
            yield FILE, document

    def fields(self) -> dict[str, str]:
        return {
            FILE: "Your searches, looks, carts and orders as they were sent to the shop's subscribers, and may still "
            "wait for them; `user_id` is your pseudonym."
        }

    def _sent(self, scope: Scope) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """When each of their messages that may still be kept was published at the latest, and what it says."""
        if not in_use.was_sent_anything(NAME):
            return
        now = datetime.now(UTC)
        with told(NAME, "Pub/Sub"):
            since = now - kept_for(kept(READER)) - MARGIN
        event_ids = {holding.id: holding.event_ids for holding in theirs.batches(scope, NAME)}
        refused = set(DeadLetter.objects.filter(batch__in=event_ids).values_list("batch_id", "event_id"))
        rows = {row.event_id: row for row in theirs.rows(scope)} if event_ids else {}
        for batch in OutboxBatch.objects.filter(id__in=event_ids, attempts__gt=0).order_by("sequence"):
            at = batch.delivered_at or now
            sent = [one for one in event_ids[batch.id] if (batch.id, one) not in refused and one in rows]
            if at >= since:
                yield from ((at, document(rows[one], batch.label)) for one in sent)


def document(row: theirs.Row, label: str) -> dict[str, Any]:
    """What the message of the event says."""
    subject = str(row.subject_id) if row.subject_id else None
    told_of = row.event_id, row.event_type, row.received_at, row.occurred_at, subject, row.session_id
    said = Record(*told_of, row.payload, row.schema_version).document(label)
    found: dict[str, Any] = json.loads(encoder.encode(said))
    return found


def kept(part: str) -> "list[Keeper]":
    """Whatever keeps messages of the topic, as Pub/Sub says at this moment."""
    from capture.sinks import pubsub_retention

    return pubsub_retention.keepers(configured(part))


def kept_of(tasks: Sequence[Task], part: str) -> "list[list[Keeper]]":
    """Whatever keeps, of each of these people, what was published; each thing is read once for all of them."""
    from capture.sinks import pubsub_retention

    sink = configured(part)
    paths = {sink.path} | {task.plan.details.get(TOPIC, sink.path) for task in tasks}
    on = {path: pubsub_retention.keepers(sink, path) for path in sorted(paths)}
    again: dict[Keeper, list[Keeper]] = {}

    def of(task: Task) -> "list[Keeper]":
        found = [one for path in {sink.path, task.plan.details.get(TOPIC, sink.path)} for one in on[path]]
        lost = [one for one in remembered(task) if not pubsub_retention.is_among(one, found)]
        for one in lost:
            again[one] = again[one] if one in again else pubsub_retention.again(sink, one)
        return found + [keeper for one in lost for keeper in again[one]]

    return [of(task) for task in tasks]


def remembered(task: Task) -> "list[Keeper]":
    """What was found when subscribers were told, and at each look since."""
    from capture.sinks.pubsub_retention import Keeper

    return [
        Keeper(name, timedelta(seconds=keeps), before=timedelta(seconds=before))
        for name, keeps, before in task.plan.details.get(KEPT, [])
    ]


def as_remembered(found: "Sequence[Keeper]") -> list[tuple[str, float, float]]:
    """What to look for by name the next time; of a circle only that it is there, for it may be broken by then."""
    from capture.sinks.pubsub_retention import FOR_EVER

    return sorted(
        {
            (keeper.name, keeper.keeps.total_seconds(), keeper.before.total_seconds())
            for keeper in found
            if keeper.keeps < FOR_EVER
        }
    )


def kept_for(found: "Sequence[Keeper]") -> timedelta:
    """How old a message can be that is still kept; what a snapshot has is no older than `OLDEST_IN_SNAPSHOT`."""
    from capture.sinks import pubsub_retention

    longest = pubsub_retention.longest(found)
    return max(longest, OLDEST_IN_SNAPSHOT) if any(keeper.until for keeper in found) else longest


def tell(tasks: Sequence[Task]) -> str:
    """Publishes a message for each of these people, all of them or none; returns the topic's path."""
    from capture.sinks import pubsub_messages
    from capture.sinks.pubsub_answers import FAILURES, classified

    sink = configured(ERASER)
    messages = [
        pubsub_messages.of_deletion(
            task.scope.subject_id, task.scope.sessions, task.scope.before, task.purge_started_at
        )
        for task in tasks
    ]
    try:
        for request in pubsub_messages.requests(sink.path, messages):
            sink.publish(request)
    except FAILURES as error:
        raise classified(error) from error
    return sink.path


def since_told(task: Task, now: datetime, topic: str, found: "Sequence[Keeper]") -> Task:
    """The task, with when and by which topic subscribers were told, and what keeps messages of it now."""
    first = {TOLD: now.isoformat(), TOPIC: topic}
    details = {name: value for name, value in (first | task.plan.details).items() if name != NEVER_USED}
    details[KEPT] = as_remembered(found)
    return replace(task, plan=replace(task.plan, details=details))


def gone_at(task: Task, found: "Sequence[Keeper]") -> datetime | None:
    """When nothing of the person can be left; None when nothing is waited for.

    Of an erasure the deletion message has to be gone too, for it says who it is about. Of a retention only what is too
    old, and who it was about stays.
    """
    from capture.sinks import pubsub_retention

    published = task.plan.details.get(SENT if task.scope.before else TOLD)
    if published is None:
        return None
    return pubsub_retention.gone_at(datetime.fromisoformat(published), found) + MARGIN


def waiting(task: Task, found: "Sequence[Keeper]", now: datetime) -> Purged:
    until = gone_at(task, found)
    if until is None or until <= now:
        return Purged(details=task.plan.details)
    return Purged(min(until, now + AGAIN), f"subscribers were told; {until_words(until)}", task.plan.details)


def finding(task: Task, found: "Sequence[Keeper]") -> Finding:
    if TOLD not in task.plan.details:
        return Finding(Presence.PRESENT, max(1, task.plan.rows), said="subscribers were not told")
    until = gone_at(task, found)
    if until is None or until <= datetime.now(UTC):
        return Finding(Presence.ABSENT)
    return Finding(Presence.PRESENT, max(1, task.plan.rows), said=until_words(until))


def until_words(until: datetime) -> str:
    return f"messages may be handed out until {until:%Y-%m-%d %H:%M} UTC"


def configured(part: str = READER) -> "PubSubSink":
    """The sink as the account of that part, also when it is switched off and its settings are still there.

    Raises:
        NotConfigured: no project is named.
    """
    from capture.sinks.pubsub import PubSubSink

    sink = sinks.get(NAME) if NAME in settings.SINKS else _switched_off(_options())
    if isinstance(sink, PubSubSink) and sink.project:
        return sink.acting(part)
    raise NotConfigured


def _options() -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(settings.PUBSUB_OPTIONS.items()))


@cache
def _switched_off(options: tuple[tuple[str, Any], ...]) -> "PubSubSink":
    from capture.sinks.pubsub import PubSubSink

    return PubSubSink(**dict(options))
