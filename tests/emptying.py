"""Empties the database after a test whose transactions were real.

Django's `flush` truncates every table and has every application furnish the empty database again: 150 ms after each of
some 1,500 tests. What it leaves behind is left here too, but only tables and partitions that hold rows are truncated.
`flush` itself runs where that is not enough: the first time, and when a test changed what applications furnish (content
types, permissions, groups).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase

# 32 marks a trigger of TRUNCATE (TRIGGER_TYPE_TRUNCATE of Postgres).
TABLES = """
    SELECT c.oid::regclass::text, coalesce(pg_partition_root(c.oid), c.oid)::regclass::text,
           EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 32 <> 0)
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY 1
"""
REFERENCES = (
    "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
)

_furnished: dict[str, str] = {}
"""Fingerprints of the tables that hold rows when no test has been there."""


@dataclass(frozen=True)
class Table:
    """One that holds rows itself; `root` is the partitioned table that it is a part of, or it."""

    name: str
    root: str
    notices_truncation: bool


def use() -> None:
    TransactionTestCase._fixture_teardown = _empty_after  # type: ignore[attr-defined]


def _empty_after(case: TransactionTestCase) -> None:
    if case.available_apps is not None or case.serialized_rollback:
        raise ValueError("Nothing here is made for available_apps or serialized_rollback.")
    empty()


def empty() -> None:
    """Every table of a model is as `flush` leaves it, and every other one too."""
    of_models = set(connection.introspection.django_table_names(include_views=False))
    with connection.cursor() as cursor:
        tables = _tables(cursor)
        changed = _changed(cursor, tables)
        if not _furnished or any(table.root in of_models for table in changed):
            call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
            _remember(cursor)
            return
        filled = [*changed, *_filled(cursor, [table for table in tables if table.name not in _furnished])]
        chosen = [table for table in filled if table.root in of_models]
        if len(chosen) < len(filled):  # what belongs to no model is emptied by the triggers of those that do
            chosen += [table for table in tables if table.notices_truncation and table.root in of_models]
        _truncate(cursor, {table.name for table in chosen})
        if any(table.root not in of_models for table in filled):
            _remember(cursor)


def _truncate(cursor: CursorWrapper, names: set[str]) -> None:
    """Those that refer to them too, filled or not, as Postgres demands."""
    if not names:
        return
    cursor.execute(REFERENCES)
    references = cursor.fetchall()
    while more := {source for source, target in references if target in names} - names:
        names |= more
    cursor.execute(f"TRUNCATE {', '.join(sorted(names))}")


def _remember(cursor: CursorWrapper) -> None:
    _furnished.clear()
    _furnished.update(_fingerprints(cursor, _filled(cursor, _tables(cursor))))


def _changed(cursor: CursorWrapper, tables: Sequence[Table]) -> list[Table]:
    known = [table for table in tables if table.name in _furnished]
    now = _fingerprints(cursor, known)
    return [table for table in known if now[table.name] != _furnished[table.name]]


def _tables(cursor: CursorWrapper) -> list[Table]:
    cursor.execute(TABLES)
    return [Table(*row) for row in cursor.fetchall()]


def _filled(cursor: CursorWrapper, tables: Collection[Table]) -> list[Table]:
    asked = " UNION ALL ".join(f"SELECT '{it.name}' WHERE EXISTS (SELECT FROM {it.name})" for it in tables)
    cursor.execute(asked)
    names = {name for (name,) in cursor.fetchall()}
    return [table for table in tables if table.name in names]


def _fingerprints(cursor: CursorWrapper, tables: Sequence[Table]) -> dict[str, str]:
    if not tables:
        return {}
    count = "count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0)"
    cursor.execute(" UNION ALL ".join(f"SELECT '{it.name}', {count} FROM {it.name} t" for it in tables))
    return dict(cursor.fetchall())
