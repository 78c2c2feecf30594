"""A moment by which something must be done: looked at between steps, and told to Postgres before each statement.

No statement outlives the deadline by more than `GRAIN`, for each is given what is left of the time; a step in Python
may, and is found out when it ends.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from leafloaf.lib import statements

LIMIT = """
SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s::text, true),
       set_config('jit', 'off', true)
"""


GRAIN = 0.01
"""Seconds: Postgres is told anew when so much of the time has gone since it was told last."""


class TooLate(Exception):
    """The deadline has passed."""


@dataclass
class Deadline:
    """By `time.monotonic`; None is no deadline at all."""

    at: float | None = None
    told: float = 0.0
    """How much was left when Postgres was told last."""

    def check(self) -> None:
        """Gives the next statement what is left of the time.

        Raises:
            TooLate: nothing is left.
        """
        if self.at is None:
            return
        left = self.at - time.monotonic()
        if left <= 0:
            raise TooLate
        if self.told - left > GRAIN:
            _limit(left)
            self.told = left


NONE = Deadline()


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """A transaction that ends by then, if what is inside checks the deadline before each statement.

    Raises:
        TooLate: it was not done by then.
    """
    deadline = Deadline(time.monotonic() + seconds, seconds)
    is_inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            before = _limit(seconds)
            yield deadline
            if is_inside:  # the setting would outlive its purpose
                statements.fetch(LIMIT, [before])
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooLate from error
        raise


def _limit(seconds: float) -> str:
    """Sets the time limit of statements until the transaction ends; the one before."""
    ((before, *_),) = statements.fetch(LIMIT, [f"{max(1, round(seconds * 1000))}ms"])
    return str(before)
