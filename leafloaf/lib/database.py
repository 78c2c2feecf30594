"""Whether Postgres is away, found out once for the whole process, so that nobody waits for it in vain.

A server that has died says so. One that is frozen, or behind a cable that was pulled, says nothing at all, and no time
limit of the server's own ends a wait for it. So whoever fails to reach it, or has waited `SILENT_SECONDS`, has a thread
look whether it still answers others; only if it does not is it away, for a statement may be slow. The thread looks on
until the server is back.
"""

import logging
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg import errors

logger = logging.getLogger(__name__)

SILENT_SECONDS = 1.0
LOOK_SECONDS = 0.25
ANSWER_SECONDS = 2
"""How long the server may take to let the thread in, and as long again to answer it."""
GONE = {"57P01", "57P02", "57P03"}  # shut down, crashed, not up yet
CONNECTION_EXCEPTION = "08"
FULL = ("too many clients", "too many connections", "connection slots")

Answer = TypeVar("Answer")


class Away(OperationalError):
    """It is known that the database does not answer; nobody asked it again."""


@dataclass
class Watch:
    """What this process knows; `looking` is held by the thread that is finding out."""

    is_away: bool = False
    looking: threading.Lock = field(default_factory=threading.Lock)


_watch = Watch()


class Connection(psycopg.Connection[Any]):
    """One that does not wait for a server that is away."""

    def wait(
        self, gen: Generator[Any, Any, Answer], interval: float = 0.1, timeout: float | None = None
    ) -> Answer:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        patience = SILENT_SECONDS
        while True:
            try:
                return super().wait(gen, interval, patience)
            except errors._WaitTimeout:
                suspect()
            except psycopg.OperationalError:
                if self.closed:  # cut: by the time the pool has given up, it is known why
                    suspect()
                raise
            if is_away():
                self.close()
                raise psycopg.OperationalError("the server does not answer")
            patience = LOOK_SECONDS


class Look(psycopg.Connection[Any]):
    """A connection that waits for nothing longer than `ANSWER_SECONDS`."""

    def wait(
        self, gen: Generator[Any, Any, Answer], interval: float = 0.1, timeout: float | None = None
    ) -> Answer:
        return super().wait(gen, interval, ANSWER_SECONDS)


def is_away() -> bool:
    return _watch.is_away


def refuse_if_away() -> None:
    """Spares a caller the wait.

    Raises:
        Away: it is known to be so.
    """
    if _watch.is_away:
        raise Away("The database is away.")


def is_gone(error: DatabaseError | InterfaceError) -> bool:
    """Whether an error means that the server could not be reached, rather than that it refused a statement."""
    if isinstance(error, InterfaceError):  # such as from a connection that was cut
        return True
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and (
        state is None or state in GONE or state.startswith(CONNECTION_EXCEPTION)
    )


def suspect() -> None:
    """Has somebody look whether the server answers, unless somebody does already."""
    if _watch.looking.acquire(blocking=False):
        threading.Thread(target=_look, name="database watch", daemon=True).start()


def _look() -> None:
    try:
        while not _answers():
            if not _watch.is_away:
                logger.error("Postgres is away.")
            _watch.is_away = True
            time.sleep(LOOK_SECONDS)
        if _watch.is_away:
            logger.warning("Postgres is back.")
    finally:
        _watch.is_away = False
        _watch.looking.release()


def _answers() -> bool:
    """Whether a new connection is let in and answered; a server that is only full is there."""
    parameters = connection.get_connection_params() | {"connect_timeout": ANSWER_SECONDS}
    try:
        with Look.connect(**parameters) as looking:
            looking.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return any(words in str(error) for words in FULL)
    return True
