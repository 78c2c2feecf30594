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
        try:
            with answering():
                return Finding.of(self._found(task))
        except NotConfigured:
            return in_use.unread()
        except Misconfigured as error:
            return Finding(Presence.FORBIDDEN, said=what(error))
        except Unavailable as error:
            return Finding(Presence.UNREACHABLE, said=what(error))

    def _found(self, task: Task) -> int:
        scope, ids = task.scope, task.plan.details.get("search_ids", [])
        wanted = Wanted(str(scope.subject_id), scope.sessions, ids)
        if scope.before:
            return redis_reader.count_older(sink().client, sink().prefix, wanted, scope.before)
        found = redis_reader.count(sink().client, sink().prefix, wanted)
        if settings.CELERY_BROKER_URL.startswith(("redis", "rediss")):
            found += redis_reader.in_queues(broker().client, wanted)
        return found

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        with told():
            yield from redis_people.held(theirs(scope))

    def fields(self) -> dict[str, str]:
        return FIELDS


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
