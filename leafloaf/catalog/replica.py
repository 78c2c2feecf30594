"""The catalogue read from a replica of the database, where there is one (DATABASE_REPLICA_URL).

A replica is behind. It is asked only once it has the version of the catalogue that the primary has, so nobody sees an
older one, nor is one kept that is taken for a newer; and what a replica cannot answer the primary does. Only what
searches, suggestions and complements read goes there: nothing of a person, nothing that decides, nothing that is
written.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections
from psycopg.errors import DeadlockDetected, QueryCanceled, SerializationFailure
from psycopg_pool import PoolTimeout

from leafloaf.catalog import instruments, version
from leafloaf.catalog.deadline import SearchTimeout
from leafloaf.lib import database, statements

logger = logging.getLogger(__name__)

ALIAS = database.REPLICA.alias
REST_SECONDS = 5.0
"""How long nothing asks a replica that has refused a statement, was too slow, or has no connection for us."""
BEHIND_SECONDS = 2.0
"""How much older than the primary's its catalogue may be before staff are told."""

PASSING = (SerializationFailure, DeadlockDetected)
"""Of one statement: what it read was cleaned up on the primary."""
IS_REPLICA = "SELECT pg_is_in_recovery()"

Answer = TypeVar("Answer")


class Unfit(Exception):
    """The replica cannot be read from now; `outcome` is as it is counted."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass
class Rest:
    """Until when this process leaves the replica alone, by `time.monotonic`; and whether it has told why."""

    until: float = 0.0
    is_told: bool = False


_rest = Rest()


def is_configured() -> bool:
    return ALIAS in settings.DATABASES


def read(work: Callable[[], Answer], current: Callable[[], str] = version.read) -> Answer:
    """What `work` finds in the catalogue: the replica's when it is as new as the primary's, else the primary's.

    `current` tells how new it is; who reads more than the catalogue brings one that tells that too. `work` reads by
    `statements.fetch` alone, and may be called twice. Inside a transaction it is the primary's, whose changes may not
    be committed yet.
    """
    if not is_configured() or connection.in_atomic_block:
        return work()
    if database.REPLICA.is_away or time.monotonic() < _rest.until:
        instruments.REPLICA_READS.labels("away").inc()
        return work()
    outcome, wanted = "replica", current()
    try:
        return _read_there(work, current, wanted)
    except Unfit as why:
        outcome = why.outcome
    finally:  # whatever else `work` raises it has found there
        instruments.REPLICA_READS.labels(outcome).inc()
    return work()


def _read_there(work: Callable[[], Answer], current: Callable[[], str], wanted: str) -> Answer:
    """What `work` finds in the replica.

    Raises:
        Unfit: nothing can be had of it, or what it has is older.
    """
    try:
        with statements.asking(ALIAS):
            if current() != wanted:
                raise Unfit("behind")
            answer = work()
    except (DatabaseError, InterfaceError, SearchTimeout) as error:
        raise Unfit(_note(error)) from error
    _rest.is_told = False
    return answer


def look() -> str:
    """How the replica is doing: `healthy`, `degraded` while it is behind, `unhealthy` when it does not answer.

    `primary` when it repeats no other server: it is the primary by another name, or was promoted.

    For a task, since finding out may take seconds.
    """
    if database.REPLICA.is_away:
        return "unhealthy"
    wanted, until = version.read(), time.monotonic() + BEHIND_SECONDS
    try:
        with statements.asking(ALIAS):
            if statements.fetch(IS_REPLICA) != [(True,)]:
                _tell("The server of DATABASE_REPLICA_URL is no replica, or one no longer.")
                return "primary"
            while not _is_as_new(version.read(), wanted):
                if time.monotonic() > until:
                    return "degraded"
                time.sleep(0.05)
    except (DatabaseError, InterfaceError) as error:
        _note(error)
        return "unhealthy"
    _rest.is_told = False
    return "healthy"


def _is_as_new(found: str, wanted: str) -> bool:
    """Or newer, while changes are made all the time."""
    return found == wanted or _changes(found) > _changes(wanted)


def _changes(of_version: str) -> int:
    return int(of_version.partition(":")[0] or 0)


def _note(error: DatabaseError | InterfaceError | SearchTimeout) -> str:
    """Has the replica left alone for as long as its error asks for; how it is counted."""
    if isinstance(error, SearchTimeout) or isinstance(error.__cause__, QueryCanceled):
        _tell("The replica is too slow for a search; nobody asks it for a while.")
        _leave_alone()
        return "slow"
    if database.is_gone(error):
        database.REPLICA.suspect()
        connections[ALIAS].close()  # who asks again before the end of the request shall have another one
        if isinstance(error.__cause__, PoolTimeout):  # it may be there and full
            _leave_alone()
    elif not isinstance(error.__cause__, PASSING):
        _tell("The replica refused a search; nobody asks it for a while.", error)
        _leave_alone()
    return "failed"


def _leave_alone() -> None:
    _rest.until = time.monotonic() + REST_SECONDS


def _tell(said: str, error: Exception | None = None) -> None:
    """Once, until it is well again."""
    if not _rest.is_told:
        logger.error(said, exc_info=error)
    _rest.is_told = True
