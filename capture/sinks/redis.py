"""Redis: what a shop wants to read at once, as structures that a Lua script updates one batch at a time.

The script does nothing when it has applied the batch before, so a repeated batch counts nothing twice. Every
key stands under the configured prefix and has a time to live.

    user:{uid}:profile            hash    events, searches, …: how many; last_event_at, last_query
    user:{uid}:searches           zset    search ids by time, the newest 1,000
    search:{search_id}            hash    one search
    searches:daily:{date}         zset    search ids by time
    products:popular:{date}       zset    products by clicks, adds and purchased lines
    intent:stats:{date}           hash    intent -> searches
    supplier:{id}:queries:{date}  zset    query -> searches that showed this supplier
    events:daily:{date}           hash    event type -> events, by the day received: the sink's own account
    batches:{sequence / 100,000}  string  a bit for each batch that was applied: the guard
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

import msgspec
import redis

from capture.records import Record, rfc3339
from capture.sinks.base import BaseSink, Batch, Unavailable

SOCKET_TIMEOUT_SECONDS = 5
RETENTION = timedelta(days=90)
GUARD_RETENTION = RETENTION + timedelta(days=7)
"""Longer than anything a batch has written, so that a back-fill of old batches counts nothing twice."""
BATCHES_A_GUARD = 100_000
NEWEST_SEARCHES = 1000

APPLY_ONCE = """
if redis.call('GETBIT', KEYS[1], ARGV[2]) == 1 then return 0 end
for _, command in ipairs(cjson.decode(ARGV[1])) do
  if command[1] == 'HMAX' then
    local before = redis.call('HGET', command[2], command[3])
    if not before or before < command[4] then redis.call('HSET', command[2], command[3], command[4]) end
  else
    redis.call(unpack(command))
  end
end
redis.call('SETBIT', KEYS[1], ARGV[2], 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

COUNTED_AS = {
    "search": "searches",
    "interaction": "interactions",
    "cart": "cart_changes",
    "order": "orders",
    "recommendation_impression": "recommendation_impressions",
}

Command = list[str]


class RedisSink(BaseSink):
    """Updates the real-time structures under one prefix."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.prefix = prefix

    @cached_property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.url,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        )

    def deliver(self, batch: Batch) -> None:
        commands = [*updates(batch.records, self.prefix)]
        page, bit = divmod(batch.sequence, BATCHES_A_GUARD)
        try:
            self.client.eval(
                APPLY_ONCE,
                1,
                f"{self.prefix}batches:{page}",
                msgspec.json.encode(commands).decode(),
                str(bit),
                str(int(GUARD_RETENTION.total_seconds())),
            )
        except redis.RedisError as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def probe(self) -> None:
        try:
            self.client.ping()
        except redis.RedisError as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error


def updates(records: Iterable[Record], prefix: str) -> Iterator[Command]:
    """The commands that a batch comes to, each key's time to live renewed once at the end."""
    touched: dict[str, None] = {}
    for record in records:
        for command in _of_event(record):
            command[1] = prefix + command[1]
            touched[command[1]] = None
            yield command
    seconds = str(int(RETENTION.total_seconds()))
    for key in touched:
        yield ["EXPIRE", key, seconds]


def _of_event(record: Record) -> Iterator[Command]:
    received_on = record.received_at.astimezone(UTC).date()
    yield ["HINCRBY", f"events:daily:{received_on}", record.event_type, "1"]
    if record.user_id:
        profile = f"user:{record.user_id}:profile"
        yield ["HINCRBY", profile, "events", "1"]
        yield ["HINCRBY", profile, COUNTED_AS[record.event_type], "1"]
        yield ["HMAX", profile, "last_event_at", rfc3339(record.occurred_at)]
    if record.event_type == "search":
        yield from _of_search(record)
    for product_id in wanted_products(record):
        yield ["ZINCRBY", f"products:popular:{day(record)}", "1", product_id]


def _of_search(record: Record) -> Iterator[Command]:
    payload = record.payload
    search_id = payload.get("search_id") or record.event_id
    moment = f"{record.occurred_at.timestamp():.3f}"
    yield ["HSET", f"search:{search_id}", *_flat(_search_fields(record))]
    yield ["ZADD", f"searches:daily:{day(record)}", moment, search_id]
    yield ["HINCRBY", f"intent:stats:{day(record)}", payload.get("intent") or "unknown", "1"]
    for supplier in payload.get("suppliers") or []:
        yield ["ZINCRBY", f"supplier:{quote(supplier, safe='')}:queries:{day(record)}", "1", payload["query"]]
    if record.user_id:
        yield ["HSET", f"user:{record.user_id}:profile", "last_query", payload["query"]]
        yield ["ZADD", f"user:{record.user_id}:searches", moment, search_id]
        yield ["ZREMRANGEBYRANK", f"user:{record.user_id}:searches", "0", str(-NEWEST_SEARCHES - 1)]


def _search_fields(record: Record) -> dict[str, Any]:
    kept = ("query", "intent", "confidence", "results_count", "response_time_ms", "alpha")
    own = {name: record.payload[name] for name in kept if name in record.payload}
    who = {
        "user_id": record.user_id,
        "session_id": record.session_id,
        "timestamp": rfc3339(record.occurred_at),
    }
    return own | {name: value for name, value in who.items() if value}


def _flat(fields: dict[str, Any]) -> list[str]:
    return [part for name, value in fields.items() for part in (name, str(value))]


def wanted_products(record: Record) -> list[str]:
    """The products that an event counts as wanting: clicked, added, or bought."""
    payload = record.payload
    match record.event_type:
        case "interaction" if payload["interaction_type"] == "product_click":
            return [payload["product_id"]]
        case "cart" if payload["action"] == "add":
            return [payload["product_id"]]
        case "order":
            return [item["product_id"] for item in payload["items"]]
    return []


def day(record: Record) -> str:
    return record.occurred_at.astimezone(UTC).date().isoformat()
