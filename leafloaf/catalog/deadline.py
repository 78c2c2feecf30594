"""How long a search may keep the database busy."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from leafloaf.lib import statements

# Until the end of the transaction. The compiler of expressions costs more than any search.
LIMIT = """
SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s::text, true),
       set_config('jit', 'off', true)
"""


class SearchTimeout(Exception):
    """The search took longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Each statement inside may take so long, and all see the catalogue inside one transaction.

    Raises:
        SearchTimeout: one of them took longer.
    """
    is_inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            before = _limit(f"{max(1, round(seconds * 1000))}ms")
            yield
            if is_inside:  # the setting would outlive the search
                _limit(before)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise SearchTimeout from error
        raise


def _limit(timeout: str) -> str:
    """Sets the time limit; the one before."""
    ((before, *_),) = statements.fetch(LIMIT, [timeout])
    return str(before)
