"""Whether Postgres is away, found out once for the whole process, so that nobody waits for it in vain.

A server that has died says so. One that is frozen, or behind a cable that was pulled, says nothing at all, and no time
limit of the server's own ends a wait for it. So whoever fails to reach it, or has waited `silent_seconds`, has a thread
look whether it still answers others; only if it does not is it away, for a statement may be slow. The thread looks on
until the server is back. A replica is away until the thread has found that it answers, for there is another to ask.
"""

import logging
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from psycopg import errors

logger = logging.getLogger(__name__)

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
class Server:
    """What this process knows of the server that settings.DATABASES calls `alias`.

    `silent_seconds`: how long it may say nothing until somebody looks. `looking` is held by the thread that does, which
    rests `pause_seconds` between its looks. One that `is_doubted` is taken to be away while the thread looks.
    """

    alias: str
    name: str
    silent_seconds: float
    pause_seconds: float = LOOK_SECONDS
    is_doubted: bool = False
    is_away: bool = False
    looking: threading.Lock = field(default_factory=threading.Lock)

    def suspect(self) -> None:
        """Has somebody look whether the server answers, unless somebody does already."""
        if self.looking.acquire(blocking=False):
            self.is_away = self.is_away or self.is_doubted
            threading.Thread(target=self._look, name=f"{self.alias} database watch", daemon=True).start()

    def _look(self) -> None:
        was_told = False
        try:
            while not self._answers():
                if not was_told:
                    logger.error("%s is away.", self.name)
                self.is_away = was_told = True
                time.sleep(self.pause_seconds)
            if was_told:
                logger.warning("%s is back.", self.name)
        finally:
            self.is_away = False
            self.looking.release()

    def _answers(self) -> bool:
        """Whether a new connection is let in and answered; a server that is only full is there."""
        parameters = connections[self.alias].get_connection_params() | {"connect_timeout": ANSWER_SECONDS}
        try:
            with Look.connect(**parameters) as looking:
                looking.execute("SELECT 1")
        except psycopg.Error as error:  # also of an address that nobody can connect with
            return any(words in str(error) for words in FULL)
        return True


PRIMARY = Server("default", "Postgres", silent_seconds=1.0)
REPLICA = Server("replica", "The replica", silent_seconds=1.5, pause_seconds=1.0, is_doubted=True)
"""No statement of ours takes longer there than a second: `ReplicaConnection.session`. Nobody waits for its return."""


class Connection(psycopg.Connection[Any]):
    """One that does not wait for a server that is away."""

    server: ClassVar[Server] = PRIMARY
    pool_seconds: ClassVar[float] = 3
    """How long who needs a connection waits for one."""
    session: ClassVar[str] = (
        # Compiling a statement takes longer than any statement of a request.
        "-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s -c jit=off"
    )

    @classmethod
    def options(cls, most: int) -> dict[str, Any]:
        """Django's OPTIONS for a pool of at most so many of them."""
        return {
            # Left alone, the pool's back-off sleeps as long again as the server was away.
            "pool": {
                "min_size": 1,
                "max_size": most,
                "timeout": cls.pool_seconds,
                "reconnect_timeout": 2,
                "connection_class": cls,
            },
            "connect_timeout": 3,
            "prepare_threshold": 5,  # Django prepares nothing by itself; `lib.statements` does
            "options": cls.session,
        }

    def wait(
        self, gen: Generator[Any, Any, Answer], interval: float = 0.1, timeout: float | None = None
    ) -> Answer:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        patience = self.server.silent_seconds
        while True:
            try:
                return super().wait(gen, interval, patience)
            except errors._WaitTimeout:
                self.server.suspect()
            except psycopg.OperationalError:
                if self.closed:  # cut: by the time the pool has given up, it is known why
                    self.server.suspect()
                raise
            if self.server.is_away:
                self.close()
                raise psycopg.OperationalError("the server does not answer")
            patience = LOOK_SECONDS


class ReplicaConnection(Connection):
    """One to the replica: who cannot have it soon asks the primary."""

    server = REPLICA
    pool_seconds = 0.5
    session = (
        # A lock that a replica has replayed it may hold for as long as it is behind, and the primary has let it go.
        f"{Connection.session} -c statement_timeout=1s -c lock_timeout=200ms -c default_transaction_read_only=on"
    )


class Look(psycopg.Connection[Any]):
    """A connection that waits for nothing longer than `ANSWER_SECONDS`."""

    def wait(
        self, gen: Generator[Any, Any, Answer], interval: float = 0.1, timeout: float | None = None
    ) -> Answer:
        return super().wait(gen, interval, ANSWER_SECONDS)


def is_away() -> bool:
    return PRIMARY.is_away


def refuse_if_away() -> None:
    """Spares a caller the wait.

    Raises:
        Away: it is known to be so.
    """
    if PRIMARY.is_away:
        raise Away("The database is away.")


def suspect() -> None:
    """Has somebody look whether the primary answers, unless somebody does already."""
    PRIMARY.suspect()


def is_gone(error: DatabaseError | InterfaceError) -> bool:
    """Whether an error means that the server could not be reached, rather than that it refused a statement."""
    if isinstance(error, InterfaceError):  # such as from a connection that was cut
        return True
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and (
        state is None or state in GONE or state.startswith(CONNECTION_EXCEPTION)
    )
