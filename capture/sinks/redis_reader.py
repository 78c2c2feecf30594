"""Reads Redis again after an erasure. Knows nothing of traces: it goes through every key, and looks.

Names of keys and what they hold are searched for the pseudonym. The id of a visit may be any word, so it counts only
where ids of visits stand; ids of searches are looked up where they could be. Everything is read in pieces.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
import redis

from capture.sinks.redis_keys import escaped

KEYS_AT_ONCE = 200
SMALL = 1_000
IDS_AT_ONCE = 1_000
QUEUES = ("celery", *(f"celery\x06\x16{priority}" for priority in (3, 6, 9)))
IN_HAND = "unacked"

LOOK = """
local ids, sessions, small = cjson.decode(ARGV[3]), cjson.decode(ARGV[4]), tonumber(ARGV[5])
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[6])
local found, large, daily, rooms = {}, {}, {}, {}
local sizes = {hash = 'HLEN', zset = 'ZCARD', set = 'SCARD', list = 'LLEN'}
local reads = {hash = {'HGETALL'}, zset = {'ZRANGE', 0, -1}, set = {'SMEMBERS'}, list = {'LRANGE', 0, -1}}
local hex4 = '%x%x%x%x'
local uuid = hex4 .. hex4 .. '%-' .. hex4 .. '%-' .. hex4 .. '%-' .. hex4 .. '%-' .. hex4 .. hex4 .. hex4
local function named(text, whose)
  for id in string.gmatch(text, uuid) do
    if ids[id] then whose[ids[id]] = true end
  end
end
local function visited(session, whose)
  for _, place in ipairs(sessions[session or ''] or {}) do whose[place] = true end
end
local function looked(key, kind, whose)
  if kind == 'string' then return named(redis.call('GET', key), whose) end
  local parts = redis.call(reads[kind][1], key, unpack(reads[kind], 2))
  named(table.concat(parts, '\\0'), whose)
  if kind ~= 'hash' then return end
  local who = {}
  for place = 1, #parts, 2 do who[parts[place]] = parts[place + 1] end
  if not who.user_id then visited(who.session_id, whose) end
end
for _, key in ipairs(page[2]) do
  local kind = redis.call('TYPE', key).ok
  local name = string.sub(key, tonumber(ARGV[7]) + 1)
  local whose = {}
  named(key, whose)
  visited(string.match(name, '^session:(%x+):'), whose)
  if string.sub(name, 1, 15) == 'searches:daily:' then daily[#daily + 1] = key end
  if name == 'searches:waiting' then
    rooms[#rooms + 1] = key
  elseif sizes[kind] and redis.call(sizes[kind], key) > small then
    large[#large + 1] = {key, kind}
  elseif kind ~= 'none' then
    looked(key, kind, whose)
  end
  for place in pairs(whose) do found[#found + 1] = {key, place} end
end
return {page[1], found, large, daily, rooms}
"""
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Wanted:
    """Of whom nothing may be found: a pseudonym, visits, and the searches they were known to have."""

    user_id: str
    sessions: Sequence[str] = ()
    search_ids: Sequence[str] = ()


def count(client: redis.Redis, prefix: str, wanted: Sequence[Wanted]) -> list[int]:
    """How many keys and entries under our prefix are theirs, for each of them: everything is read once for all."""
    seen = _looked(client, prefix, wanted)
    for key, kind in seen.large:
        for place in _named(_parts(client, key, kind), wanted):
            seen.found[place].add(key)
    return [
        _count(client, prefix, person, seen, found) for person, found in zip(wanted, seen.found, strict=True)
    ]


def _count(client: redis.Redis, prefix: str, person: Wanted, seen: "Seen", found: set[bytes]) -> int:
    entries = sum(_waiting(client, key, person) for key in seen.rooms)
    lost, ids = _searches(client, prefix, person)
    return len(found | lost) + entries + sum(_scored(client, key, ids) for key in seen.daily)


def count_older(client: redis.Redis, prefix: str, wanted: Wanted, before: datetime) -> int:
    """How much of what was received before then is left: of a person who stays, so what is theirs is known by name."""
    owners = [f"user:{wanted.user_id}", *(f"session:{_hash(session)}" for session in wanted.sessions)]
    last = f"({before.timestamp():.6f}"
    traces = sum(int(client.zcount(f"{prefix}{owner}:traces", "-inf", last)) for owner in owners)
    lost, ids = _searches(client, prefix, wanted)
    daily: Any = list(client.scan_iter(match=f"{escaped(prefix)}searches:daily:*", count=KEYS_AT_ONCE))
    return traces + len(lost) + sum(_scored(client, key, ids) for key in daily)


@dataclass
class Seen:
    """What a walk over all keys met: of each person those that name them, and those to be looked into otherwise."""

    found: list[set[bytes]]
    large: set[tuple[bytes, bytes]] = field(default_factory=set)
    daily: set[bytes] = field(default_factory=set)
    rooms: set[bytes] = field(default_factory=set)


def _looked(client: redis.Redis, prefix: str, wanted: Sequence[Wanted]) -> Seen:
    ids = {person.user_id: place for place, person in enumerate(wanted)}
    sessions: dict[str, list[int]] = {}
    for place, person in enumerate(wanted):
        for session in person.sessions:
            for name in (session, _hash(session)):
                sessions.setdefault(name, []).append(place)
    script: Any = client.register_script(LOOK)
    seen, cursor = Seen([set() for _ in wanted]), b"0"
    people = [msgspec.json.encode(ids), msgspec.json.encode(sessions)]
    given = [f"{escaped(prefix)}*", *people, SMALL, KEYS_AT_ONCE, len(prefix.encode())]
    while True:
        cursor, found, large, daily, rooms = script(args=[cursor, *given])
        for key, place in found:
            seen.found[place].add(key)
        seen.large.update(map(tuple, large))
        seen.daily.update(daily)
        seen.rooms.update(rooms)
        if cursor == b"0":
            return seen


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()


def _named(parts: Iterable[bytes], wanted: Sequence[Wanted]) -> set[int]:
    """Which of them a large collection names, read piece by piece."""
    ids = {person.user_id.encode(): place for place, person in enumerate(wanted)}
    return {ids[name] for part in parts for name in UUID.findall(part) if name in ids}


def _parts(client: redis.Redis, key: bytes, kind: bytes) -> Iterator[bytes]:
    if kind == b"list":
        yield from _listed(client, key)
    elif kind == b"hash":
        for field, value in client.hscan_iter(key, count=SMALL):
            yield from (field, value)
    elif kind == b"zset":
        yield from (member for member, _ in client.zscan_iter(key, count=SMALL))
    else:
        yield from client.sscan_iter(key, count=SMALL)


def _listed(client: redis.Redis, key: bytes | str) -> Iterator[bytes]:
    start = 0
    while some := _range(client, key, start):
        yield from some
        start += len(some)


def _range(client: redis.Redis, key: bytes | str, start: int) -> list[bytes]:
    some: Any = client.lrange(key, start, start + SMALL - 1)
    return list(some)


def _waiting(client: redis.Redis, key: bytes, wanted: Wanted) -> int:
    sessions = set(wanted.sessions)
    found = 0
    for entry in _listed(client, key):
        event = msgspec.json.decode(entry)["event"]
        found += event.get("session_id") in sessions or wanted.user_id.encode() in entry
    return found


def _searches(client: redis.Redis, prefix: str, wanted: Wanted) -> tuple[set[bytes], list[str]]:
    """The keys of their searches that are still there, and the ids that are not somebody else's by now."""
    theirs: set[bytes] = set()
    ids: list[str] = []
    for some in _cut(wanted.search_ids):
        pipeline = client.pipeline(transaction=False)
        for search_id in some:
            pipeline.hmget(f"{prefix}search:{search_id}", "user_id", "session_id", "timestamp")
        for search_id, (user_id, session_id, at) in zip(some, pipeline.execute(), strict=True):
            visit = (session_id or b"").decode()
            is_theirs = (user_id or b"").decode() == wanted.user_id or (
                not user_id and visit in wanted.sessions
            )
            if at and is_theirs:
                theirs.add(f"{prefix}search:{search_id}".encode())
            if not at or is_theirs:
                ids.append(search_id)
    return theirs, ids


def _scored(client: redis.Redis, key: bytes, ids: Sequence[str]) -> int:
    found = 0
    for some in _cut(ids):
        scores: Any = client.zmscore(key, list(some))
        found += sum(score is not None for score in scores)
    return found


def _cut(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))


def in_queues(client: redis.Redis, wanted: Sequence[Wanted]) -> list[int]:
    """How many messages of Celery, waiting or in a worker's hands, name each of them."""
    waiting = (message for queue in QUEUES for message in _listed(client, queue))
    in_hand = (message for _, message in client.hscan_iter(IN_HAND, count=SMALL))
    found = [0] * len(wanted)
    for message in chain(waiting, in_hand):
        for place, person in enumerate(wanted):
            found[place] += _names(message, person)
    return found


def _names(message: bytes, wanted: Wanted) -> bool:
    body = _body(msgspec.json.decode(message))
    everything = message + body
    if wanted.user_id.encode() in everything:
        return True
    try:
        return not set(wanted.sessions).isdisjoint(_strings(msgspec.json.decode(body)))
    except msgspec.DecodeError:
        return False


def _body(message: Any) -> bytes:
    """The body, which Celery puts into the envelope as base64; the envelope comes first in what is in hand."""
    envelope = message[0] if isinstance(message, list) and message else message
    body = envelope.get("body", "") if isinstance(envelope, dict) else ""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return str(body).encode()


def _strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value that is not the name of a field."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _strings(part)
