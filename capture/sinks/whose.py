"""Whose the lines of an object are, and what is left of it without somebody's."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

import msgspec


class Line(msgspec.Struct, frozen=True, gc=False):
    """What of a line tells whose it is; all else is looked at only to see that it is JSON."""

    user_id: str | None = None
    session_id: str | None = None
    timestamp: datetime | None = None


decoder = msgspec.json.Decoder(Line)


@dataclass
class Parts:
    """The lines of an object. Line numbers, from 1, are of those that nobody can read.

    `in_doubt` says that one of these has a mark of theirs.
    """

    kept: list[bytes] = field(default_factory=list)
    theirs: list[bytes] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    in_doubt: bool = False

    def conserves(self, body: bytes, rest: bytes) -> bool:
        """Whether `rest` is the body without their lines: all others, as often as before and bit for bit the same."""
        return (weight(lines_of(body)) - weight(self.theirs) - weight(lines_of(rest))) % MODULUS == 0


@dataclass(frozen=True)
class Whose:
    """Some people: pseudonyms and visits, each with the time before which a line was received; None is any time."""

    subjects: Mapping[str, datetime | None]
    sessions: Mapping[str, datetime | None]

    def parts(self, body: bytes) -> Parts:
        parts = Parts()
        for number, line in enumerate(lines_of(body), start=1):
            try:
                is_theirs = bool(line.strip()) and self._have(decoder.decode(line))
            except msgspec.DecodeError:
                parts.unreadable.append(number)
                parts.in_doubt |= self.may_be_in(line)
            else:
                (parts.theirs if is_theirs else parts.kept).append(line)
        return parts

    def may_be_in(self, body: bytes) -> bool:
        """Whether a pseudonym or a visit is written anywhere, quickly."""
        return any(mark in body for mark in self._marks)

    @cached_property
    def _marks(self) -> list[bytes]:
        """As this program writes them, and as one that writes only ASCII does."""
        marks = [
            json.dumps(text, ensure_ascii=is_ascii) for text in self.sessions for is_ascii in (True, False)
        ]
        return [mark[1:-1].encode() for mark in {*marks, *map(json.dumps, self.subjects)}]

    def _have(self, line: Line) -> bool:
        if line.user_id is not None:
            return line.user_id in self.subjects and _is_before(line, self.subjects[line.user_id])
        session = line.session_id or ""
        return session in self.sessions and _is_before(line, self.sessions[session])


def _is_before(line: Line, before: datetime | None) -> bool:
    return before is None or (line.timestamp is not None and line.timestamp < before)


def lines_of(body: bytes) -> list[bytes]:
    """With their ends; a line ends with a newline and nothing else."""
    return io.BytesIO(body).readlines()


MODULUS = 1 << 256


def weight(lines: Iterable[bytes]) -> int:
    """A hash of the lines as a multiset: the sum of their own, so that it does not depend on their order."""
    return (
        sum(int.from_bytes(blake2b(line.rstrip(b"\n"), digest_size=32).digest()) for line in lines) % MODULUS
    )
