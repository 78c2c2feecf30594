"""What no reading of a sink says, in one statement for all of them."""

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import connection

from capture import sinks
from capture.models import Sink

# One row a sink. Since when it has been ill, by its readings; and what a reading does not tell apart.
GLANCE = """
    SELECT named.sink, coalesce(sink.state, 'enabled'), coalesce(sink.failures, 0),
           (SELECT min(taken_at) FROM capture_reading WHERE sink = named.sink AND taken_at > coalesce(
                (SELECT max(taken_at) FROM capture_reading
                 WHERE sink = named.sink AND health IN ('healthy', 'disabled')), '-infinity')),
           (SELECT count(*) FROM (
                SELECT FROM capture_outboxbatch AS batch
                WHERE batch.sink = named.sink AND batch.state <> 'delivered' AND batch.state = 'blocked' LIMIT 100
            ) AS blocked),
           EXISTS (SELECT FROM capture_outboxbatch AS batch WHERE batch.sink = named.sink AND batch.doubled > 0),
           EXISTS (SELECT FROM capture_schemadrift AS drift WHERE drift.sink = named.sink),
           account.day, account.difference
    FROM unnest(%(sinks)s::text[]) AS named (sink)
    LEFT JOIN capture_sink AS sink ON sink.name = named.sink
    LEFT JOIN LATERAL (
        SELECT day, captured - delivered - pending - dead - discarded AS difference FROM capture_ledgerday
        WHERE capture_ledgerday.sink = named.sink AND captured <> delivered + pending + dead + discarded
        ORDER BY day DESC LIMIT 1
    ) AS account ON true
"""


@dataclass(frozen=True)
class Glance:
    """One sink beside its reading."""

    sink: str
    state: str
    failures: int
    ill_since: datetime | None
    blocked: int
    is_doubled: bool
    is_drifted: bool
    open_day: date | None
    difference: int | None

    @property
    def is_on(self) -> bool:
        return sinks.is_enabled(self.sink) and self.state != Sink.State.OFF


def of_sinks() -> dict[str, Glance]:
    with connection.cursor() as cursor:
        cursor.execute(GLANCE, {"sinks": list(settings.SINKS)})
        return {row[0]: Glance(*row) for row in cursor.fetchall()}
