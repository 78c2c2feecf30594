"""A second look: what a bucket holds of some people, found by none of the ways in which it was taken out.

Each object is read once for all whom it may have lines of, in the order of the names: of whoever there is no time for,
the reading goes on at a name.
"""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core import exceptions

from capture.sinks import cloud_storage_threads as threads
from capture.sinks.base import BatchRefused, Unavailable
from capture.sinks.cloud_storage import CloudStorageSink, classified
from capture.sinks.cloud_storage_objects import ERRORS, OPTIONS

INSIDE_AN_ID = re.compile(r"-(?=[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
BEFORE, ID = 8, 36
"""Characters of a pseudonym before its first hyphen, and in all."""


@dataclass(frozen=True)
class Wanted:
    """Of whom no line may be found, and where.

    Attributes:
        subject_id: looked for anywhere in the text; the visits in the lines that name nobody.
        before: only lines received before then; None for all.
        names: in these objects, and in those named from `first` on and before `last`.
        since: objects of earlier names were read before.
    """

    subject_id: str
    sessions: frozenset[str] = frozenset()
    before: datetime | None = None
    names: frozenset[str] = frozenset()
    first: str = ""
    last: str = ""
    since: str = ""

    def may_be_in(self, name: str) -> bool:
        return name >= self.since and (name in self.names or self.first <= name < self.last)


@dataclass
class Read:
    """What was found: how many lines of each, by their place; and where the reading ended when it did too early."""

    found: Counter[int] = field(default_factory=Counter)
    ended_at: str | None = None
    error: Unavailable | BatchRefused | None = None


class Line(NamedTuple):
    visit: str | None
    received_at: datetime | None


class Reader:
    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.wanted = wanted
        self.named: dict[str, set[int]] = defaultdict(set)
        self.visited: dict[str | None, set[int]] = defaultdict(set)
        for place, one in enumerate(wanted):
            self.named[one.subject_id].add(place)
            for session in one.sessions:
                self.visited[session].add(place)

    def read(self, sink: CloudStorageSink, names: Iterable[str], deadline: float = float("inf")) -> Read:
        """Counts their lines in these objects, in every generation, until there is no time or one cannot be read.

        The first is read in any case, so that whoever comes again and again gets through.
        """
        read = Read()
        theirs = sorted(name for name in set(names) if any(one.may_be_in(name) for one in self.wanted))

        def work(sink: CloudStorageSink, name: str) -> Counter[int] | Unavailable | BatchRefused | None:
            if time.monotonic() > deadline and name != theirs[0]:
                return None
            try:
                return self.count_in(sink, name)
            except (Unavailable, BatchRefused) as error:
                return error

        for name, found in threads.each(sink, work, theirs):
            if not isinstance(found, Counter):
                read.ended_at, read.error = name, found
                break
            read.found += found
        return read

    def count_in(self, sink: CloudStorageSink, name: str) -> Counter[int]:
        """Of those whose object it may be.

        Raises:
            Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
        """
        try:
            listed = list(sink.client.list_blobs(sink.bucket_name, prefix=name, versions=True, **OPTIONS))
            texts = [_text(blob) for blob in listed if blob.name == name]
        except ERRORS as error:
            raise classified(error) from error
        asked = {place for place, one in enumerate(self.wanted) if one.may_be_in(name)}
        found: Counter[int] = Counter()
        for text in texts:
            for line in text.split("\n"):
                found.update(self.whose(line) & asked)
        return found

    def whose(self, line: str) -> set[int]:
        """The places of those who are meant by a line."""
        named = self._named_in(line.lower())
        if not named and (not self.visited or not line.strip()):
            return set()
        told = _told(line)
        if told is None:
            return named | self._mentioned_in(line)
        theirs = named | self.visited.get(told.visit, set())
        if told.received_at is None:  # whether it is old enough, nobody can tell
            theirs |= {place for place in self._mentioned_in(line) if self.wanted[place].before}
        return {place for place in theirs if self._is_meant(self.wanted[place], told.received_at)}

    def _named_in(self, text: str) -> set[int]:
        found: set[int] = set()
        for hyphen in INSIDE_AN_ID.finditer(text):
            start = max(hyphen.start() - BEFORE, 0)
            found |= self.named.get(text[start : start + ID], set())
        return found

    def _mentioned_in(self, line: str) -> set[int]:
        found: set[int] = set()
        return found.union(*(places for session, places in self.visited.items() if str(session) in line))

    def _is_meant(self, one: Wanted, received_at: datetime | None) -> bool:
        return one.before is None or received_at is None or received_at < one.before


def _text(blob: Any) -> str:
    """As any reader gets it: the store or the client unzips it."""
    try:
        content: bytes = blob.download_as_bytes(**OPTIONS)
    except exceptions.NotFound:
        return ""
    return content.decode(errors="replace")


def _told(line: str) -> Line | None:
    """What a line says of whose it is; None when nobody can read it."""
    try:
        document = json.loads(line)
        visit = document.get("session_id") if document.get("user_id") is None else None
    except (ValueError, AttributeError):
        return None
    if visit is not None and not isinstance(visit, str):
        return None
    return Line(visit, _received_at(document.get("timestamp")))


def _received_at(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else None
