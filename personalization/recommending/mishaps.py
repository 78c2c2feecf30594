"""Counting what went wrong without anybody's noticing: lists that came too late, lists that could not be logged.

A count is kept in the process first and then written, by hour; what cannot be written now is written with the next.
"""

import logging
import threading
from collections import Counter
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connection, transaction

from leafloaf.lib import statements
from personalization import instruments

logger = logging.getLogger(__name__)

TIMEOUT, UNLOGGED = "timeout", "unlogged"
PATIENCE = "SELECT set_config('lock_timeout', '50ms', true), set_config('statement_timeout', '100ms', true)"
ADD = """
INSERT INTO personalization_recommendationmishap AS known (hour, kind, count)
SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::bigint[]) ORDER BY 1, 2
ON CONFLICT (hour, kind) DO UPDATE SET count = known.count + excluded.count
"""

_lock = threading.Lock()
_unwritten: Counter[tuple[datetime, str]] = Counter()
_totals: Counter[str] = Counter()


def note(kind: str) -> None:
    """Counts one; fails for nothing."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    instruments.MISHAPS.labels(kind).inc()
    with _lock:
        _totals[kind] += 1
        _unwritten[hour, kind] += 1
        counts = dict(_unwritten)
        _unwritten.clear()
    try:
        _write(counts)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("A %s is counted later (%s).", kind, type(error).__name__)
        with _lock:
            _unwritten.update(counts)


def totals() -> dict[str, int]:
    """How often each happened in this process."""
    with _lock:
        return dict(_totals)


def _write(counts: dict[tuple[datetime, str], int]) -> None:
    is_inside = connection.in_atomic_block
    with transaction.atomic():
        if not is_inside:  # the limits would hold for the rest of the caller's transaction
            statements.fetch(PATIENCE)
        hours, kinds = zip(*counts, strict=True)
        statements.fetch(ADD, [list(hours), list(kinds), list(counts.values())])
