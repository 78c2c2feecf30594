"""A person's part of Redis: found by their traces, taken back exactly, and looked for key by key afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from django.conf import settings

from capture.holders import in_use
from capture.holders.in_use import NotConfigured
from capture.sinks import redis_people, redis_reader
from capture.sinks.base import Misconfigured, Unavailable
from capture.sinks.redis import RedisSink, answering
from capture.sinks.redis_people import Theirs
from capture.sinks.redis_reader import Wanted
from privacy.holders import COPIES, BaseHolder, Finding, NotNow, Plan, Presence, Purged, Scope, Task

NAME = "redis"
FIELDS = {
    "redis/events": "What each event added to counts that the shop reads at once: the products it counted for, and "
    "of a search its id, intent, suppliers and words, with the search itself while it is kept.",
    "redis/searches": "Ids of further searches of yours.",
    "redis/profile": "How much you did, when last, and your last query.",
    "redis/waiting": "Searches of your visits that wait to be stored.",
    "redis/kept": "Copies, for an hour at most, of what is remembered of you and of pages in your order, as bytes.",
}


class RedisHolder(BaseHolder):
    store: ClassVar[str] = NAME
    title: ClassVar[str] = "Recent searches and counts"
    phase: ClassVar[int] = COPIES
    people_at_once: ClassVar[int] = 100

    def is_on(self) -> bool:
        return bool(settings.REDIS_ENABLED) or in_use.was_sent_anything(NAME)

    def plan(self, scope: Scope) -> Plan:
        rows, ids = 0, set()
        for _, row in self.export(scope):
            rows += 1
            ids.add(row.get("search", row).get("search_id"))
        return Plan(rows, details={"search_ids": sorted(ids - {None})})

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        with told():
            for task in tasks:
                redis_people.erase(theirs(task.scope))
            if any(task.scope.before is None for task in tasks):
                redis_people.drop_pages(sink().client, sink().prefix)
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        return self.verify_all([task])[0]

    def verify_all(self, tasks: Sequence[Task]) -> Sequence[Finding]:
        """Every key is read, so it is read once for all of them."""
        try:
            with answering():
                return [Finding.of(found) for found in counted(tasks)]
        except NotConfigured:
            same = in_use.unread()
        except Misconfigured as error:
            same = Finding(Presence.FORBIDDEN, said=what(error))
        except Unavailable as error:
            same = Finding(Presence.UNREACHABLE, said=what(error))
        return [same for _ in tasks]

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        with told():
            yield from redis_people.held(theirs(scope))

    def fields(self) -> dict[str, str]:
        return FIELDS


def counted(tasks: Sequence[Task]) -> list[int]:
    """What is left of each; of a retention only what is older than its day."""
    client, prefix = sink().client, sink().prefix
    erased = [wanted(task) for task in tasks if task.scope.before is None]
    found = redis_reader.count(client, prefix, erased) if erased else []
    if erased and settings.CELERY_BROKER_URL.startswith(("redis", "rediss")):
        found = list(map(sum, zip(found, redis_reader.in_queues(broker().client, erased), strict=True)))
    left = iter(found)
    return [
        redis_reader.count_older(client, prefix, wanted(task), task.scope.before)
        if task.scope.before
        else next(left)
        for task in tasks
    ]


def wanted(task: Task) -> Wanted:
    scope = task.scope
    return Wanted(str(scope.subject_id), scope.sessions, task.plan.details.get("search_ids", []))


def theirs(scope: Scope) -> Theirs:
    return Theirs(sink().client, sink().prefix, str(scope.subject_id), scope.sessions, scope.before)


def sink() -> RedisSink:
    """
    Raises:
        NotConfigured: there is no address.
    """
    if not settings.REDIS_URL:
        raise NotConfigured
    return _opened(settings.REDIS_URL, settings.REDIS_PREFIX)


def broker() -> RedisSink:
    return _opened(settings.CELERY_BROKER_URL, "")


@cache
def _opened(url: str, prefix: str) -> RedisSink:
    return RedisSink(url, prefix)


@contextmanager
def told() -> Iterator[None]:
    """Failures of Redis as a holder tells them.

    Raises:
        NotNow, NeedsAttention: see there.
    """
    try:
        with answering():
            yield
    except NotConfigured:
        raise in_use.refusal(NAME) from None
    except Unavailable as error:
        raise NotNow(what(error)) from None


def what(error: Unavailable) -> str:
    """What went wrong, without the store's own words: a key's name may be among them."""
    return f"Redis: {type(error.__cause__).__name__}"
