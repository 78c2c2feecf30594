"""The replica of the database, where there is one (DATABASE_REPLICA_URL): it has everybody whom the database has.

Nothing can be erased there. It does what the database did, in the same order, sooner or later; so its reader waits for
something that was written after the last deletion, and then looks for the person all the same.

Invariants:
* What is waited for is the lease under which the step is read again: taken once everything else of the request was
  purged, and a random number that no other database has. A position in the log would be as exact, but not every
  server tells its own, and it does not say of whose log it is.
* Only a server in recovery is believed: one that was promoted is told of no deletion any more.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections
from psycopg.errors import InsufficientPrivilege

from leafloaf.lib import database, statements
from privacy import own_holder
from privacy.holders import REPLICA, BaseHolder, Finding, Plan, Presence, Purged, Scope, Task

ALIAS = database.REPLICA.alias
PATIENCE_SECONDS = 2.0
"""For how long a reader waits for a replica that is behind, before it is tried again later."""
LOOK_SECONDS = 0.02
BUDGET_SECONDS = 60.0
"""For how long people are looked for in one go, of a lease of five minutes."""

# The lease of a step that is done is of no interest: there is an index of the others.
HAS = """
    SELECT pg_is_in_recovery(),
           (SELECT count(DISTINCT lease_token) FROM privacy_deletionstep
            WHERE state <> 'absent' AND lease_token = ANY(%s::uuid[]))
"""
REPLAYED = "SELECT pg_last_wal_replay_lsn()::text, pg_is_wal_replay_paused()"
MISSING = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn), 0)::bigint"

NO_REPLICA = (
    "the server of DATABASE_REPLICA_URL is no replica, or one no longer: name one, or leave DATABASE_REPLICA_URL out "
    "and give this place up"
)
BEHIND = "it has not replayed what was deleted"
MAY_NOT = "its role may not look for people there: docs/erasure.md has the rights that it needs"


class ReplicaHolder(BaseHolder):
    store = "replica"
    title = "The replica of the database"
    phase = REPLICA
    people_at_once = 100

    def plan(self, scope: Scope) -> Plan:
        return Plan(0)

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        return self.verify_all([task])[0]

    def verify_all(self, tasks: Sequence[Task]) -> Sequence[Finding]:
        """It is waited for once for all of them."""
        try:
            with statements.asking(ALIAS):
                return findings(tasks)
        except (DatabaseError, InterfaceError) as error:
            return [unread(error) for _ in tasks]
        finally:
            connections[ALIAS].close()  # back to its pool, or out of it

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        """Nothing that the database does not give away."""
        return iter(())


def findings(tasks: Sequence[Task]) -> list[Finding]:
    """What the replica has of each of them."""
    if database.REPLICA.is_away:
        raise database.Away("The replica is away.")
    is_replica, has_all = waited_for({task.lease for task in tasks})
    if not is_replica:
        return [Finding(Presence.UNSUPPORTED, said=NO_REPLICA) for _ in tasks]
    if not has_all:
        behind = Finding(Presence.UNREACHABLE, said=how_far_behind())
        return [behind for _ in tasks]
    deadline = time.monotonic() + BUDGET_SECONDS
    read = [finding(tasks[0])]
    for task in tasks[1:]:
        read.append(finding(task) if time.monotonic() < deadline else Finding(Presence.UNKNOWN))
    return read


def waited_for(leases: set[UUID | None]) -> tuple[bool, bool]:
    """Whether the server is a replica, and whether it has everything that was committed before these leases were."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        [(is_replica, seen)] = statements.fetch(HAS, [list(leases)])
        if not is_replica or seen == len(leases) or time.monotonic() > deadline:
            return is_replica, seen == len(leases)
        time.sleep(LOOK_SECONDS)


def finding(task: Task) -> Finding:
    """By subject, and by visit. Of what a retention removes nothing is said here but that it was replayed."""
    if task.scope.before:
        return Finding.of(0)
    by_model = own_holder.found_by_model(task.scope.subject_id, ALIAS)
    return Finding.of(sum(by_model.values()) + own_holder.found_of_visits(task.scope.sessions, ALIAS))


def how_far_behind() -> str:
    """In words, with what the two servers tell of it; managed ones need not."""
    try:
        [(replayed, is_paused)] = statements.fetch(REPLAYED)
        with statements.asking(database.PRIMARY.alias):
            [(missing,)] = statements.fetch(MISSING, [replayed])
    except (DatabaseError, InterfaceError):
        return BEHIND
    far = f"{BEHIND}, {missing:,} bytes behind" if missing else BEHIND
    return f"{far}; replay is paused there" if is_paused else far


def unread(error: DatabaseError | InterfaceError) -> Finding:
    """Why it could not be read, without what it says of the statement."""
    if isinstance(error.__cause__, InsufficientPrivilege):
        return Finding(Presence.FORBIDDEN, said=MAY_NOT)
    if database.is_gone(error):
        database.REPLICA.suspect()
    return Finding(Presence.UNREACHABLE, said=type(error.__cause__ or error).__name__)
