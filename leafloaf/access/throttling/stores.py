"""Where limits are counted: in Redis when it is on, else in Postgres, and in this process while neither can be asked.

Nobody is refused, and no request fails, because a store is away. Each counts for itself: whoever changes from one to
another finds every limit unused there, and may have up to twice what it says within one period.
"""

import logging
from collections.abc import Sequence

from django.db import DatabaseError, InterfaceError

from leafloaf.access import instruments
from leafloaf.access.throttling import memory_store, postgres_store, redis_store
from leafloaf.access.throttling.demands import Demand
from leafloaf.access.throttling.verdict import Verdict
from leafloaf.lib import database

logger = logging.getLogger(__name__)


def take(demands: Sequence[Demand]) -> Verdict:
    """Takes all of them or none."""
    if not demands:
        return Verdict((), (), 0)
    stores = (("redis", redis_store.take), ("postgres", _from_postgres))
    for store, take_from in stores:
        if verdict := take_from(demands):
            instruments.LIMITS_COUNTED.labels(store).inc()
            return verdict
    instruments.LIMITS_COUNTED.labels("memory").inc()
    return memory_store.take(demands)


def _from_postgres(demands: Sequence[Demand]) -> Verdict | None:
    if database.is_away():
        return None
    try:
        return postgres_store.take(demands)
    except (DatabaseError, InterfaceError) as error:
        if database.is_gone(error):
            database.suspect()
        logger.warning(
            "Limits are counted in this process alone (%s).", type(error.__cause__ or error).__name__
        )
        return None
