"""Tables of Spanner as plain values: their DDL, what differs from what is live, and people in pieces that fit a commit.

Knows no client and no graph: whoever has something to keep there says which tables (`capture.sinks.spanner`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

from capture.records import Record
from capture.sinks.base import Difference

MOST_MUTATIONS = 60_000
"""A commit takes 80,000 at most (Spanner documentation, "Quotas and limits")."""
NOW = "spanner.commit_timestamp()"
"""In a column `written_at` or `committed_at`: when the server commits."""
SET_UP = "run `manage.py setup_spanner`"
BY_HAND = "change it by hand: setup_spanner only adds"

Value = str | int | float | bool | datetime | date | None | Sequence[str]
Key = tuple[Value, ...]


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    is_required: bool = False
    is_commit_time: bool = False

    @property
    def ddl(self) -> str:
        required = " NOT NULL" if self.is_required else ""
        options = " OPTIONS (allow_commit_timestamp = true)" if self.is_commit_time else ""
        return f"{self.name} {self.type}{required}{options}"


@dataclass(frozen=True)
class Table:
    """A table; `key` are its first columns.

    Attributes:
        parent: the table in whose rows its own lie, and with which they go.
        forgotten: the column with a time, and after how many days more Spanner removes the row by itself.
    """

    name: str
    columns: Sequence[Column]
    key: int = 1
    parent: str = ""
    forgotten: tuple[str, int] | None = None

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def policy(self) -> str:
        if not self.forgotten:
            return ""
        column, days = self.forgotten
        return f"OLDER_THAN({column}, INTERVAL {days} DAY)"

    @property
    def ddl(self) -> str:
        columns = ",\n  ".join(column.ddl for column in self.columns)
        statement = (
            f"CREATE TABLE {self.name} (\n  {columns},\n) PRIMARY KEY ({', '.join(self.names[: self.key])})"
        )
        if self.parent:
            statement += f",\n  INTERLEAVE IN PARENT {self.parent} ON DELETE CASCADE"
        if self.policy:
            statement += f",\n  ROW DELETION POLICY ({self.policy})"
        return statement


@dataclass(frozen=True)
class Live:
    """A table as INFORMATION_SCHEMA has it: each column's type and whether it may be empty."""

    columns: Mapping[str, tuple[str, bool]]
    parent: str = ""
    policy: str = ""


@dataclass(frozen=True)
class Part:
    """What of a person is to be made anew: these products, or with None all of them."""

    subject_id: str
    products: frozenset[str] | None = None


@dataclass(frozen=True)
class Change:
    """What is written of one person in one piece, in this order.

    Attributes:
        emptied: tables whose rows of the person go first, all of them.
        gone: single rows that go, by table.
        rows: what is inserted, or put in the place of what is there; a row may leave out the last columns.
        is_erased: nothing of the person stays.
    """

    subject_id: str
    emptied: Sequence[str] = ()
    gone: Mapping[str, Sequence[Key]] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Key]] = field(default_factory=dict)
    is_erased: bool = False

    @property
    def mutations(self) -> int:
        """As Spanner counts them: a deletion is one, a row one for each of its columns."""
        written = sum(len(row) for rows in self.rows.values() for row in rows)
        return self.is_erased + len(self.emptied) + sum(map(len, self.gone.values())) + written


class Source(Protocol):
    """Whose rows they are: where they come from and which tables they need. Named by a dotted path in the options.

    Every table of `tables` is either `people`, whose key is the pseudonym, or lies in its rows; `shared` are nobody's.
    """

    @property
    def people(self) -> str: ...

    @property
    def tables(self) -> Sequence[Table]: ...

    @property
    def shared(self) -> Sequence[Table]: ...

    @property
    def graph_name(self) -> str: ...

    @property
    def graph_ddl(self) -> str: ...

    def parts(self, records: Iterable[Record]) -> Sequence[Part]:
        """What of whom these events changed."""

    def changes(self, parts: Sequence[Part]) -> Sequence[Change]:
        """How it is now, a change for each part, of at most `MOST_MUTATIONS`.

        Asked while Spanner holds these people's rows for the caller: what is read before that may be old.
        """

    def nodes(self, parts: Sequence[Part]) -> Mapping[str, Sequence[Key]]:
        """Rows of `shared` that these parts lead to."""


ACCOUNT = Table(
    "DeliveredBatch",
    (
        Column("label", "STRING(64)", is_required=True),
        Column("events", "INT64", is_required=True),
        Column("committed_at", "TIMESTAMP", is_required=True, is_commit_time=True),
    ),
    forgotten=("committed_at", 97),
)
"""The sink's own account: the batches that are in, written with the last of what they changed. Longer kept than any
event, so that a back-fill finds what it delivers."""


def wanted(source: Source) -> list[Table]:
    """Every table, parents first."""
    return [*source.tables, *source.shared, ACCOUNT]


def parted(parts: Sequence[Part], people: int, products: int) -> Iterator[list[Part]]:
    """So many people and products at once: what a transaction reads, and how long it holds them, has an end."""
    piece: list[Part] = []
    for part in parts:
        for cut in _cut(part, products):
            size = sum(len(one.products or ()) for one in piece)
            if piece and (len(piece) >= people or size + len(cut.products or ()) > products):
                yield piece
                piece = []
            piece.append(cut)
    if piece:
        yield piece


def _cut(part: Part, products: int) -> Iterator[Part]:
    if part.products is None or len(part.products) <= products:
        yield part
        return
    ordered = sorted(part.products)
    for start in range(0, len(ordered), products):
        yield Part(part.subject_id, frozenset(ordered[start : start + products]))


def differences(tables: Iterable[Table], live: Mapping[str, Live]) -> list[Difference]:
    found: list[Difference] = []
    for table in tables:
        if table.name not in live:
            found.append(Difference(table.name, "", "does not exist", SET_UP, change="made", stops_rows=True))
        else:
            found += _of_table(table, live[table.name])
    return found


def _of_table(table: Table, live: Live) -> Iterator[Difference]:
    for column in table.columns:
        if column.name not in live.columns:
            added = not column.is_required
            yield Difference(
                table.name,
                column.name,
                "does not exist",
                SET_UP if added else BY_HAND,
                change=f"column {column.name} added" if added else "",
                stops_rows=True,
            )
            continue
        kind, is_required = live.columns[column.name]
        if kind != column.type:
            yield Difference(
                table.name, column.name, f"is {kind}, not {column.type}", BY_HAND, stops_rows=True
            )
        if is_required != column.is_required:
            said = "is NOT NULL" if is_required else "may be NULL"
            yield Difference(table.name, column.name, said, BY_HAND, stops_rows=is_required)
    for name, (_, is_required) in live.columns.items():
        if is_required and name not in table.names:
            yield Difference(table.name, name, "is NOT NULL and nobody fills it", BY_HAND, stops_rows=True)
    if live.parent != table.parent:
        yield Difference(table.name, "", f"lies in {live.parent or 'no table'}", BY_HAND)
    if live.policy != table.policy:
        said = f"forgets by {live.policy}" if live.policy else "forgets nothing by itself"
        change = "row deletion policy set" if table.policy else ""
        yield Difference(table.name, "", said, SET_UP if change else BY_HAND, change=change)


def mending(table: Table, live: Live) -> list[str]:
    """The statements that add what is missing of a table that is there."""
    added = [
        f"ALTER TABLE {table.name} ADD COLUMN {column.ddl}"
        for column in table.columns
        if column.name not in live.columns and not column.is_required
    ]
    if table.policy and live.policy != table.policy:
        verb = "REPLACE" if live.policy else "ADD"
        added.append(f"ALTER TABLE {table.name} {verb} ROW DELETION POLICY ({table.policy})")
    return added


def encoded(value: Value) -> Any:
    """A value as Spanner's API takes it in JSON: whole numbers and times as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return [encoded(item) for item in value]


def decoded(column: Column, value: Any) -> Value:
    """The same back, by the column's type."""
    if value is None or column.type in ("BOOL", "FLOAT64") or column.type.startswith("STRING"):
        return value  # type: ignore[no-any-return]
    if column.type == "INT64":
        return int(value)
    if column.type == "TIMESTAMP":
        return datetime.fromisoformat(value)
    if column.type == "DATE":
        return date.fromisoformat(value)
    return list(value)
