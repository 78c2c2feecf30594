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
    user:{uid}:traces             zset    by time received, what each event of a person added: to be taken back
    session:{sha256}:traces       zset    likewise, of an anonymous visit
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
import redis

from capture.records import learn
from capture.sinks.base import BaseSink, Batch, Misconfigured, Unavailable
from capture.sinks.redis_commands import RETENTION, RUN, steps

SOCKET_TIMEOUT_SECONDS = 5
GUARD_RETENTION = RETENTION + timedelta(days=7)
"""Longer than anything a batch has written, so that a back-fill of old batches counts nothing twice."""
BATCHES_A_GUARD = 100_000

APPLY_ONCE = f"""
{RUN}
if redis.call('GETBIT', KEYS[1], ARGV[2]) == 1 then return 0 end
for _, step in ipairs(cjson.decode(ARGV[1])) do
  if step[1] == '' or redis.call('ZADD', step[1], step[2], step[3]) == 1 then
    for _, command in ipairs(step[4]) do run(command) end
  end
end
redis.call('SETBIT', KEYS[1], ARGV[2], 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


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
        learn(batch.records)
        owed = [*steps(batch.records, self.prefix, datetime.now(UTC))]
        page, bit = divmod(batch.sequence, BATCHES_A_GUARD)
        with answering():
            self.client.eval(
                APPLY_ONCE,
                1,
                f"{self.prefix}batches:{page}",
                msgspec.json.encode(owed).decode(),
                str(bit),
                str(int(GUARD_RETENTION.total_seconds())),
            )

    def probe(self) -> None:
        with answering():
            self.client.ping()


@contextmanager
def answering() -> Iterator[None]:
    """Failures of Redis in the words of the outbox.

    Raises:
        Misconfigured: it does not let us in.
        Unavailable: it is away.
    """
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise Misconfigured(f"{type(error).__name__}: {error}") from error
    except redis.RedisError as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
