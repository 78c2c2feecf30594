"""How long a search may keep the database busy."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, transaction
from psycopg.errors import QueryCanceled

from leafloaf.lib import statements

# Until the end of the transaction. The compiler of expressions costs more than any search, and so do plans made for the
# values of one query: made anew for each, and now and then for a reading of whole tables.
LIMIT = """
SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s::text, true),
       set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)
"""
PLAN_ANEW = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"


class SearchTimeout(Exception):
    """The search took longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Each statement inside may take so long, and all see the catalogue inside one transaction.

    Raises:
        SearchTimeout: one of them took longer.
    """
    asked = statements.connection()
    is_inside = asked.in_atomic_block
    try:
        with transaction.atomic(using=asked.alias):
            before = _limit(f"{max(1, round(seconds * 1000))}ms")
            yield
            if is_inside:  # the setting would outlive the search
                _limit(before)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise SearchTimeout from error
        raise


def plan_anew() -> None:
    """From here on each statement is planned for its values: what is filtered by nothing costs nothing, and a plan that
    knows how few rows are wanted goes along an index."""
    statements.fetch(PLAN_ANEW)


def _limit(timeout: str) -> str:
    """Sets the time limit; the one before."""
    ((before, *_),) = statements.fetch(LIMIT, [timeout])
    return str(before)
