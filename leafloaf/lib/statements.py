"""SQL that runs for every request or batch: planned once a connection, its rows decoded in C.

Django's own cursor writes the values into the text of a statement, so that Postgres plans it anew each time, and
reads times in Python.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_asked: ContextVar[str] = ContextVar("the database that is asked", default=DEFAULT_DB_ALIAS)


@contextmanager
def asking(alias: str) -> Iterator[None]:
    """Inside, `fetch` asks the database that settings.DATABASES calls so."""
    before = _asked.set(alias)
    try:
        yield
    finally:
        _asked.reset(before)


def connection() -> BaseDatabaseWrapper:
    """The connection that `fetch` uses here."""
    return connections[_asked.get()]


def fetch(query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one prepared statement, in the transaction that is open, if one is; none if it returns none.

    Parameters travel apart from the text, so a type that Postgres cannot infer needs a cast (`%s::text[]`).

    Raises:
        django.db.DatabaseError: as from Django's own cursor.
    """
    asked = connection()
    asked.validate_no_broken_transaction()
    asked.close_if_health_check_failed()
    with asked.wrap_database_errors:
        asked.ensure_connection()
        with psycopg.Cursor(asked.connection) as cursor:
            cursor.execute(query, parameters, prepare=True, binary=True)
            return cursor.fetchall() if cursor.description else []
