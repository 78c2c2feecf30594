"""The limits of a request in Postgres: one statement, one short transaction of its own, on a table without WAL.

Without WAL there is nothing to flush, so the commit does not wait for the disk; a crash of the server empties the
table, and every limit begins anew. `access_take` is in migration 0005.
"""

from collections.abc import Sequence

from leafloaf.access.throttling.demands import Demand
from leafloaf.access.throttling.verdict import Verdict
from leafloaf.lib import statements

TAKE = "SELECT access_take(%s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
# Locks nothing that somebody holds, and so waits for nobody who waits for it.
PRUNE = """
    DELETE FROM access_throttle WHERE name IN (
        SELECT name FROM access_throttle
        WHERE arrival < extract(epoch FROM clock_timestamp()) * 1000000
        LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING 1
"""
CHUNK = 10_000


def take(demands: Sequence[Demand]) -> Verdict:
    """Takes all of them or none.

    Raises:
        django.db.Error: Postgres is away, or refuses.
    """
    parameters = (
        [demand.name for demand in demands],
        [demand.rate.interval for demand in demands],
        [demand.rate.capacity for demand in demands],
        [demand.needs for demand in demands],
        [demand.takes for demand in demands],
    )
    ((found,),) = statements.fetch(TAKE, parameters)
    return Verdict(demands, found[1:], found[0])


def prune() -> int:
    """Deletes what says nothing any more; returns how many rows."""
    pruned = last = len(statements.fetch(PRUNE, [CHUNK]))
    while last == CHUNK:
        last = len(statements.fetch(PRUNE, [CHUNK]))
        pruned += last
    return pruned
