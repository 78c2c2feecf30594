"""Everything of one person in Redis: what there is, and the one script that takes it away.

Invariants:
* What is looked up is theirs: by their traces, by those of visits that only they had, by keys that begin with their
  pseudonym. What others added to the same structures stays as it is.
* A trace goes in the same step that undoes it. Whoever dies leaves the rest to the next one, who needs to know
  nothing about it.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
import redis

from capture.records import rfc3339
from capture.sinks.redis_commands import RUN, Owner, Trace, decoder, forget, undo
from capture.sinks.redis_keys import escaped

Item = TypeVar("Item")

COMMANDS_AT_ONCE = 1_000
"""Nobody else is served meanwhile: some ten milliseconds."""
AT_ONCE = 500
ROOM = "searches:waiting"

UNDO = f"""
{RUN}
for _, step in ipairs(cjson.decode(ARGV[1])) do
  if step[1] == '' or redis.call('ZREM', step[1], step[2]) == 1 then
    for _, command in ipairs(step[3]) do run(command) end
  end
end
"""

Undone = tuple[str, str, list[list[str]]]
"""The key of the traces, a trace, and what undoes it; without a trace, what is done in any case."""


class Traced(NamedTuple):
    """A trace where it stands. `received` is in seconds since 1970."""

    owner: Owner
    member: bytes
    received: float

    @property
    def told(self) -> Trace:
        return decoder.decode(self.member)


@dataclass(frozen=True)
class Theirs:
    """A person's part of the Redis of one shop; `before` leaves what was received then and later."""

    client: redis.Redis
    prefix: str
    user_id: str
    sessions: Sequence[str] = ()
    before: datetime | None = None

    @property
    def person(self) -> Owner:
        return Owner(self.user_id, "")

    @property
    def owners(self) -> list[Owner]:
        return [self.person, *(Owner("", session) for session in self.sessions)]

    def key(self, name: str) -> str:
        return f"{self.prefix}{self.person.keys}{name}"

    @property
    def until(self) -> str:
        return f"({self.before.timestamp():.6f}" if self.before else "+inf"


def traces(theirs: Theirs) -> Iterator[Traced]:
    """What their events added, each visit's the oldest first; read in pieces."""
    for owner in theirs.owners:
        key, start = theirs.prefix + owner.traces, 0
        while found := _piece(theirs, key, start):
            yield from (Traced(owner, member, received) for member, received in found)
            start += len(found)


def _piece(theirs: Theirs, key: str, start: int = 0) -> list[tuple[bytes, float]]:
    found: Any = theirs.client.zrangebyscore(
        key, "-inf", theirs.until, start=start, num=AT_ONCE, withscores=True
    )
    return [(member, received) for member, received in found]


def held(theirs: Theirs) -> Iterator[tuple[str, dict[str, Any]]]:
    """What `erase` would remove, one row for each thing, by the name of its file."""
    traced = list(traces(theirs))
    ids: set[str] = set()
    for some in cut(traced):
        for one, row in zip(some, _searches(theirs, some), strict=True):
            asked = one.told.asked
            ids |= {asked.search_id} if asked else set()
            yield "redis/events", _event(one) | ({"search": row} if asked else {})
    if theirs.before is None:
        yield from (("redis/searches", {"search_id": search_id}) for search_id in _others(theirs, ids))
        yield from _waiting(theirs)
        yield from _kept(theirs)
    of_person = sum(one.owner == theirs.person for one in traced)
    if theirs.before is None or of_person == theirs.client.zcard(theirs.prefix + theirs.person.traces):
        yield from _profile(theirs)


def _event(one: Traced) -> dict[str, Any]:
    told = one.told
    return {
        "event_id": told.event_id,
        "event_type": told.event_type,
        "received_at": rfc3339(datetime.fromtimestamp(one.received, UTC)),
        "counted_on": told.day,
        "counted_products": told.products,
    }


def _searches(theirs: Theirs, some: Iterable[Traced]) -> list[dict[str, Any]]:
    """What stands of the search of each trace; less of one whose id is another's by now, or that has expired."""
    asked = [one.told.asked for one in some]
    pipeline = theirs.client.pipeline(transaction=False)
    for search in asked:
        pipeline.hgetall(f"{theirs.prefix}search:{search.search_id if search else ''}")
    rows = []
    for search, fields in zip(asked, pipeline.execute(), strict=True):
        counted = msgspec.to_builtins(search) if search else []
        told = dict(zip(("search_id", "intent", "counted_query", "suppliers"), counted, strict=False))
        rows.append(told | (_text(fields) if _is_theirs(theirs, fields) else {}))
    return rows


def _is_theirs(theirs: Theirs, fields: dict[bytes, bytes]) -> bool:
    user_id = fields.get(b"user_id", b"").decode()
    return user_id == theirs.user_id or (
        not user_id and fields.get(b"session_id", b"").decode() in theirs.sessions
    )


def _text(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def _others(theirs: Theirs, traced: set[str]) -> list[str]:
    """Search ids in their list that no trace tells of."""
    listed: Any = theirs.client.zrange(theirs.key("searches"), 0, -1)
    return [search_id.decode() for search_id in listed if search_id.decode() not in traced]


def _profile(theirs: Theirs) -> Iterator[tuple[str, dict[str, Any]]]:
    fields: Any = theirs.client.hgetall(theirs.key("profile"))
    if fields:
        yield "redis/profile", _text(fields)


def _waiting(theirs: Theirs) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("redis/waiting", msgspec.json.decode(entry)) for entry in waiting(theirs))


def _kept(theirs: Theirs) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in kept(theirs):
        content: Any = theirs.client.get(name)
        if content is not None:
            shown = name.removeprefix(theirs.prefix.encode()).decode()
            yield "redis/kept", {"name": shown, "content": base64.b64encode(content).decode()}


def kept(theirs: Theirs) -> list[bytes]:
    """The names of the pages and memories that are kept for them (`leafloaf.lib.cache`)."""
    names: Any = theirs.client.smembers(theirs.key("kept"))
    return sorted(names)


def waiting(theirs: Theirs) -> list[bytes]:
    """What waits for the log from one of their visits (`capture.waiting_room`)."""
    if not theirs.sessions:
        return []
    every = _listed(theirs.client, f"{theirs.prefix}{ROOM}")
    return [entry for entry in every if _session_of(entry) in theirs.sessions]


def _listed(client: redis.Redis, key: str) -> Iterator[bytes]:
    start = 0
    while some := cast("list[bytes]", client.lrange(key, start, start + AT_ONCE - 1)):
        yield from some
        start += len(some)


def _session_of(entry: bytes) -> str | None:
    event: dict[str, Any] = msgspec.json.decode(entry)["event"]
    return event.get("session_id")


def erase(theirs: Theirs) -> None:
    """Takes back what their events added, then removes what is theirs alone. Safe to repeat, and to break off."""
    for owner in theirs.owners:
        key = theirs.prefix + owner.traces
        while some := _piece(theirs, key):
            undone: list[Undone] = [
                (key, member.decode(), undo(decoder.decode(member), owner, theirs.prefix))
                for member, _ in some
            ]
            for piece in pieces(undone):
                run(theirs, piece)
    for piece in pieces(("", "", [command]) for command in _last(theirs)):
        run(theirs, piece)


def _last(theirs: Theirs) -> list[list[str]]:
    profile, searches = theirs.key("profile"), theirs.key("searches")
    if theirs.before:
        traces_key = theirs.prefix + theirs.person.traces
        return [["TIDY", profile, searches, traces_key, f"{theirs.prefix}search:"]]
    listed: Any = theirs.client.zrange(searches, 0, -1, withscores=True)
    forgotten = [
        forget(search_id.decode(), _day(moment), theirs.person, theirs.prefix) for search_id, moment in listed
    ]
    names = [name.decode() for name in kept(theirs)]
    return [
        *forgotten,
        *(["UNLINK", name] for name in (profile, searches, *names)),
        *(["SREM", theirs.key("kept"), name] for name in names),
        *(["LREM", f"{theirs.prefix}{ROOM}", "0", entry.decode()] for entry in waiting(theirs)),
    ]


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def pieces(undone: Iterable[Undone]) -> Iterator[list[Undone]]:
    """As many as make up to `COMMANDS_AT_ONCE` commands, one at least."""
    piece: list[Undone] = []
    size = 0
    for one in undone:
        if piece and size + len(one[2]) > COMMANDS_AT_ONCE:
            yield piece
            piece, size = [], 0
        piece.append(one)
        size += len(one[2])
    yield from [piece] if piece else []


def run(theirs: Theirs, piece: list[Undone]) -> None:
    theirs.client.eval(UNDO, 0, msgspec.json.encode(piece).decode())


def drop_pages(client: redis.Redis, prefix: str) -> int:
    """Removes the pages that are kept for anybody: the words of a query may stand in one. They are copies."""
    names = client.scan_iter(match=f"{escaped(prefix)}cache:*", count=AT_ONCE)
    return sum(int(client.unlink(*some)) for some in cut(names))


def cut(items: Iterable[Item]) -> Iterator[list[Item]]:
    """In lists of at most `AT_ONCE`."""
    rest = iter(items)
    while some := list(islice(rest, AT_ONCE)):
        yield some
