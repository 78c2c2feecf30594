"""What the stores hold of everybody but some people, to the bit: read by the tests' own eyes."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from capture import log, schema
from capture.models import OutboxBatch
from capture.sinks.base import Batch
from capture.sinks.redis import RedisSink
from tests.flows.stores import Stores

AFRESH = "afresh:"
READERS = 4
Whose = Callable[[str | None, str | None], bool]
"""Whether somebody with this pseudonym, or this visit, is one of those who are erased."""


@dataclass(frozen=True)
class Holding:
    """Of everybody else: each line or row as a hash, as often as it is there; and the ids of their events."""

    content: Counter[bytes]
    event_ids: Counter[str]
    theirs: int

    def without(self, earlier: "Holding") -> "Holding":
        """What has come since, if nothing has gone: `missing` says whether."""
        return Holding(self.content - earlier.content, self.event_ids - earlier.event_ids, self.theirs)

    def missing(self, earlier: "Holding") -> int:
        """How many of the earlier lines are not here, or not as they were."""
        return (earlier.content - self.content).total()


def in_log(whose: Whose) -> tuple[Counter[str], int]:
    """The ids of everybody else's events, and how many there are of those who are erased."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id, subject_id::text, session_id FROM capture_event")
        rows = cursor.fetchall()
    others = Counter(event_id for event_id, user_id, visit in rows if not whose(user_id, visit))
    return others, len(rows) - others.total()


def in_cloud_storage(stores: Stores, whose: Whose) -> Holding:
    """Line by line, with its end, as the bytes lie there."""
    with ThreadPoolExecutor(READERS) as pool:
        bodies = pool.map(lambda found: bytes(found.download_as_bytes()), stores.objects())
        return held(((line, json.loads(line)) for body in bodies for line in body.splitlines(True)), whose)


def in_bigquery(stores: Stores, whose: Whose) -> Holding:
    """Row by row, over all columns."""
    return held(((spelt(row), row) for row in rows(stores)), whose)


def rows(stores: Stores) -> Iterator[dict[str, Any]]:
    dataset = f"{settings.BIGQUERY_PROJECT}.{settings.BIGQUERY_DATASET}"
    for table in schema.TABLES.values():
        query = f"SELECT * FROM `{dataset}.{table}` WHERE timestamp > TIMESTAMP '2000-01-01'"
        for row in stores.bigquery.query_and_wait(query, page_size=20_000):
            yield dict(row.items()) | {"table": table}


def spelt(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True, default=str).encode()


def held(found: Iterator[tuple[bytes, dict[str, Any]]], whose: Whose) -> Holding:
    content: Counter[bytes] = Counter()
    event_ids: Counter[str] = Counter()
    theirs = 0
    for text, document in found:
        if whose(document["user_id"], document["session_id"]):
            theirs += 1
        else:
            content[hashlib.blake2b(text, digest_size=16).digest()] += 1
            event_ids[document["event_id"]] += 1
    return Holding(content, event_ids, theirs)


def in_redis(prefix: str) -> dict[str, Any]:
    """Everything under a prefix, by the rest of the name, but for how long it lasts."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        names = list(client.scan_iter(f"{prefix}*", count=10_000))
        kinds, values = client.pipeline(transaction=False), client.pipeline(transaction=False)
        for name in names:
            kinds.type(name)
        for name, kind in zip(names, kinds.execute(), strict=True):
            READ[kind](values, name)
        return {
            name.decode().removeprefix(prefix): value
            for name, value in zip(names, values.execute(), strict=True)
        }


READ: dict[bytes, Callable[[Any, bytes], object]] = {
    b"string": lambda asked, name: asked.get(name),
    b"hash": lambda asked, name: asked.hgetall(name),
    b"list": lambda asked, name: asked.lrange(name, 0, -1),
    b"set": lambda asked, name: asked.smembers(name),
    b"zset": lambda asked, name: asked.zrange(name, 0, -1, withscores=True),
}


def in_redis_of_the_log() -> dict[str, Any]:
    """What a Redis would hold that had never seen any events but those of the log."""
    sink = RedisSink(settings.REDIS_URL, AFRESH)
    for batch in OutboxBatch.objects.filter(sink="redis").order_by("sequence"):
        sink.deliver(
            Batch(batch.label, batch.object_name, log.read(batch), sequence=batch.sequence, is_repeated=False)
        )
    sink.client.close()
    return in_redis(AFRESH)
