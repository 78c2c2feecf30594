"""What one event comes to in Redis, and how to take exactly that back.

Whatever an event of a person, or of an anonymous visit, adds is written down as its *trace* among those of that
person or visit, in the step that adds it. Erasure takes a trace out and undoes what it says, in one step again: so
everything is undone once, whoever dies in between, and an event whose trace is there already adds nothing.

Nothing outlives its trace: both go 90 days after the event was received.

A trace holds the words that analytics was told of a query, and these may change between two deliveries (a word comes to
be known). The guard of `redis.py` keeps a batch from being applied again; were it lost while traces are not, as in a
Redis that evicts keys under memory pressure, such a search would count once more, under both wordings. Each has its
trace, so that erasure takes back both, and a back-fill into an emptied Redis counts each event once.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from capture.records import Record, rfc3339

RETENTION = timedelta(days=90)
LEAST = timedelta(days=1)
"""What is delivered long after it was received is readable for as long all the same."""
NEWEST_SEARCHES = 1000

RUN = """
local function run(command)
  local name, key, member = command[1], command[2], command[3]
  if name == 'HMAX' then
    local before = redis.call('HGET', key, member)
    if not before or before < command[4] then redis.call('HSET', key, member, command[4]) end
  elseif name == 'AT_MOST' then
    local left = redis.call('TTL', key)
    if left == -1 or left > tonumber(member) then redis.call('EXPIRE', key, member) end
  elseif name == 'HLESS' then
    local count = tonumber(redis.call('HGET', key, member))
    if count and count > 1 then redis.call('HINCRBY', key, member, -1) else redis.call('HDEL', key, member) end
  elseif name == 'ZLESS' then
    local count = tonumber(redis.call('ZSCORE', key, member))
    if count and count > 1 then redis.call('ZINCRBY', key, -1, member) else redis.call('ZREM', key, member) end
  elseif name == 'FORGET' then
    local who = redis.call('HMGET', key, 'user_id', 'session_id', 'timestamp')
    local is_theirs = who[1] == command[5] or not who[1] and who[2] == command[6]
    if is_theirs then redis.call('UNLINK', key) end
    if is_theirs or not who[3] or string.sub(who[3], 1, 10) ~= command[7] then
      redis.call('ZREM', command[4], member)
    end
  elseif name == 'TIDY' then
    if redis.call('EXISTS', command[4]) == 0 then redis.call('UNLINK', key, member) end
    local newest = redis.call('ZREVRANGE', member, 0, 0)[1]
    local query = newest and redis.call('HGET', command[5] .. newest, 'query')
    if not query then
      redis.call('HDEL', key, 'last_query')
    elseif redis.call('HEXISTS', key, 'last_query') == 1 then
      redis.call('HSET', key, 'last_query', query)
    end
  else
    redis.call(unpack(command))
  end
end
"""
"""A command of Redis, or one of these:

    HMAX key field value             the later of two times
    AT_MOST key seconds              a time to live that is never made longer
    HLESS key field                  one less, and gone at none
    ZLESS key member                 likewise
    FORGET key id daily user session day
                                     the search, unless another's event has taken its id
    TIDY profile searches traces search:
                                     a profile with no event left goes; the last query is one that is still there
"""

COUNTED_AS = {
    "search": "searches",
    "interaction": "interactions",
    "cart": "cart_changes",
    "order": "orders",
    "recommendation_impression": "recommendation_impressions",
}

Command = list[str]


class Step(NamedTuple):
    """Commands that belong to a trace, whose key is empty for events of nobody."""

    traces: str
    received: str
    trace: str
    commands: list[Command]


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """What a search stands under."""

    search_id: str
    intent: str
    query: str
    suppliers: list[str]


class Trace(msgspec.Struct, array_like=True, frozen=True):
    """What an event has added to the shop's structures."""

    event_id: str
    event_type: str
    received_on: str
    day: str
    products: list[str]
    asked: Asked | None = None


class Owner(NamedTuple):
    """Whose an event is: a person's, or an anonymous visit's. The other one is empty."""

    user_id: str
    session_id: str

    @property
    def keys(self) -> str:
        """What their keys begin with. The id of a visit, the shop's own, stands in no key."""
        if self.user_id:
            return f"user:{self.user_id}:"
        return f"session:{hashlib.sha256(self.session_id.encode()).hexdigest()}:"

    @property
    def traces(self) -> str:
        return f"{self.keys}traces"


encoder = msgspec.json.Encoder()
decoder = msgspec.json.Decoder(Trace)


def steps(records: Iterable[Record], prefix: str, now: datetime) -> Iterator[Step]:
    """What a batch comes to: a step an event, and one that gives every key its time to live."""
    touched: dict[str, datetime] = {}
    for record in records:
        step = step_of(record, prefix)
        for key in (step.traces, *(command[1] for command in step.commands)):
            touched[key] = min(touched.get(key, record.received_at), record.received_at)
        yield step
    touched.pop("", None)
    yield Step("", "", "", [command for key in touched for command in _lived(key, prefix, touched[key], now)])


def step_of(record: Record, prefix: str) -> Step:
    trace, owner = trace_of(record), owner_of(record)
    commands = [["HINCRBY", key, field, "1"] for key, field in _counts(trace, prefix)]
    commands += [["ZINCRBY", key, "1", member] for key, member in _scores(trace, prefix)]
    if trace.asked:
        commands += _of_search(record, trace.asked, trace.day, prefix)
    if record.user_id:
        commands += _of_person(record, trace, prefix)
    traces = prefix + owner.traces if owner else ""
    return Step(traces, f"{record.received_at.timestamp():.6f}", encoder.encode(trace).decode(), commands)


def undo(trace: Trace, owner: Owner, prefix: str) -> list[Command]:
    """What takes back a step of a visit or person; their profile's counts too."""
    commands = [["HLESS", key, field] for key, field in _counts(trace, prefix)]
    commands += [["ZLESS", key, member] for key, member in _scores(trace, prefix)]
    if trace.asked:
        commands.append(forget(trace.asked.search_id, trace.day, owner, prefix))
    if owner.user_id:
        profile = f"{prefix}{owner.keys}profile"
        commands += [["HLESS", profile, field] for field in ("events", COUNTED_AS[trace.event_type])]
        if trace.asked:
            commands.append(["ZREM", f"{prefix}{owner.keys}searches", trace.asked.search_id])
    return commands


def forget(search_id: str, day: str, owner: Owner, prefix: str) -> Command:
    return ["FORGET", f"{prefix}search:{search_id}", search_id, f"{prefix}searches:daily:{day}", *owner, day]


def trace_of(record: Record) -> Trace:
    received_on, day = _day(record.received_at), _day(record.occurred_at)
    asked = None
    if record.event_type == "search":
        payload = record.payload
        search_id = payload.get("search_id") or record.event_id
        suppliers = [_quoted(supplier) for supplier in payload.get("suppliers") or []]
        asked = Asked(search_id, payload.get("intent") or "unknown", record.told, suppliers)
    return Trace(record.event_id, record.event_type, received_on, day, wanted_products(record), asked)


@lru_cache(4096)
def _quoted(supplier: str) -> str:
    return quote(supplier, safe="")


def owner_of(record: Record) -> Owner | None:
    if not record.user_id and not record.session_id:
        return None
    return Owner(record.user_id, "") if record.user_id else Owner("", record.session_id or "")


def _counts(trace: Trace, prefix: str) -> Iterator[tuple[str, str]]:
    """The fields of hashes that the event counts in."""
    yield f"{prefix}events:daily:{trace.received_on}", trace.event_type
    if trace.asked:
        yield f"{prefix}intent:stats:{trace.day}", trace.asked.intent


def _scores(trace: Trace, prefix: str) -> Iterator[tuple[str, str]]:
    """The members of sorted sets that the event counts in."""
    for product_id in trace.products:
        yield f"{prefix}products:popular:{trace.day}", product_id
    if trace.asked:
        for supplier in trace.asked.suppliers:
            yield f"{prefix}supplier:{supplier}:queries:{trace.day}", trace.asked.query


def _of_search(record: Record, asked: Asked, day: str, prefix: str) -> Iterator[Command]:
    moment = f"{record.occurred_at.timestamp():.3f}"
    key = f"{prefix}search:{asked.search_id}"
    yield ["UNLINK", key]  # an id that another event had has nothing of that one left
    yield ["HSET", key, *_flat(_search_fields(record))]
    yield ["ZADD", f"{prefix}searches:daily:{day}", moment, asked.search_id]
    if record.user_id:
        searches = f"{prefix}user:{record.user_id}:searches"
        yield ["ZADD", searches, moment, asked.search_id]
        yield ["ZREMRANGEBYRANK", searches, "0", str(-NEWEST_SEARCHES - 1)]


def _of_person(record: Record, trace: Trace, prefix: str) -> Iterator[Command]:
    profile = f"{prefix}user:{record.user_id}:profile"
    yield ["HINCRBY", profile, "events", "1"]
    yield ["HINCRBY", profile, COUNTED_AS[record.event_type], "1"]
    yield ["HMAX", profile, "last_event_at", rfc3339(record.occurred_at)]
    if trace.asked:
        yield ["HSET", profile, "last_query", record.payload["query"]]


def _lived(key: str, prefix: str, received_at: datetime, now: datetime) -> Iterator[Command]:
    """A person's keys live on with them; what stands under a day or an id goes with the first that it was told."""
    if key.startswith((f"{prefix}user:", f"{prefix}session:")):
        if key.endswith((":traces", ":searches")):
            yield ["ZREMRANGEBYSCORE", key, "-inf", f"({(now - RETENTION).timestamp():.6f}"]
        yield ["EXPIRE", key, str(int(RETENTION.total_seconds()))]
    else:
        left = max(received_at + RETENTION - now, LEAST)
        yield ["AT_MOST", key, str(int(left.total_seconds()))]


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


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
