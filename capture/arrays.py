"""Columns of many rows as Postgres' arrays, in its binary format.

psycopg would look at the type of every item and adapt it alone, at several times the cost of the INSERT itself.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, ClassVar

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
UUID_LENGTH = b"\0\0\0\x10"
EIGHT_BYTES = b"\0\0\0\x08"
NULL = b"\xff\xff\xff\xff"

header = Struct("!iiIii").pack  # one dimension, may hold nulls, the type of the items, how many, from 1 on
length = Struct("!i").pack
bigint = Struct("!q").pack


class Array(bytes):
    """An array as it travels; its class says of what."""

    oid: ClassVar[int]
    item_oid: ClassVar[int]

    @classmethod
    def of(cls, items: Sequence[bytes]) -> "Array":
        """The array of items that each stand behind their length already."""
        return cls(header(1, 1, cls.item_oid, len(items), 1) + b"".join(items))


class Uuids(Array):
    oid, item_oid = 2951, 2950


class Texts(Array):
    oid, item_oid = 1009, 25


class Moments(Array):
    oid, item_oid = 1185, 1184


class Documents(Array):
    oid, item_oid = 3807, 3802


class Bigints(Array):
    oid, item_oid = 1016, 20


def bigints(values: Iterable[int | None]) -> Array:
    return Bigints.of([NULL if value is None else EIGHT_BYTES + bigint(value) for value in values])


def uuids(values: Iterable[bytes]) -> Array:
    return Uuids.of([UUID_LENGTH + value for value in values])


def texts(values: Iterable[str | None]) -> Array:
    return Texts.of([NULL if value is None else text(value) for value in values])


def text(value: str) -> bytes:
    encoded = value.encode()
    return length(len(encoded)) + encoded


def moments(values: Iterable[datetime]) -> Array:
    return Moments.of([EIGHT_BYTES + bigint((value - EPOCH) // MICROSECOND) for value in values])


def documents(values: Iterable[bytes]) -> Array:
    """Of `jsonb`, whose binary format is the JSON text behind a version."""
    return Documents.of([length(len(value) + 1) + b"\x01" + value for value in values])


OIDS: dict[type, int] = {kind: kind.oid for kind in (Uuids, Texts, Moments, Documents, Bigints)}


class ArrayDumper(Dumper):
    """Hands an array over as it is."""

    format = pq.Format.BINARY

    def __init__(self, cls: type, context: Any = None) -> None:
        super().__init__(cls, context)
        self.oid = OIDS[cls]

    def dump(self, obj: bytes) -> bytes:
        return obj


def register() -> None:
    """Lets connections made from now on take these arrays as parameters."""
    for kind in OIDS:
        psycopg.adapters.register_dumper(kind, ArrayDumper)
