"""SQL that runs for every request or batch: planned once a connection, its rows decoded in C.

Django's own cursor writes the values into the text of a statement, so that Postgres plans it anew each time, and
reads times in Python.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def fetch(query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one prepared statement, in the transaction that is open, if one is; none if it returns none.

    Parameters travel apart from the text, so a type that Postgres cannot infer needs a cast (`%s::text[]`).

    Raises:
        django.db.DatabaseError: as from Django's own cursor.
    """
    connection.validate_no_broken_transaction()
    connection.close_if_health_check_failed()
    with connection.wrap_database_errors:
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(query, parameters, prepare=True, binary=True)
            return cursor.fetchall() if cursor.description else []
