"""How each sink is doing, from what the rows say: no page and no probe ever waits for an outside store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, Sum

from capture import health_replica, horizon, notices, partitions, quotas, rebase, sinks, waiting_room
from capture.models import DeadLetter, OutboxBatch, Reading, SchemaDrift, Sink

LAG_ALLOWED = {"redis": 10.0, "pubsub": 10.0, "bigquery": 30.0, "spanner": 30.0, "cloud_storage": 150.0}
"""Seconds an undelivered event may wait before its sink counts as degraded: twice and more what sealing takes."""
OTHER_LAG_ALLOWED = 60.0
FAILURES_ALLOWED = 4
READING_RETENTION = timedelta(days=8)
THINNED = (
    (timedelta(hours=2), timedelta(minutes=1)),
    (timedelta(hours=26), timedelta(minutes=15)),
)
"""How old readings are of which one is kept for so much time: the worst, so that no chart's worst moment is lost."""
STALE_AFTER = timedelta(minutes=2)
NOT_PUBLIC = (quotas.KIND,)
"""Kinds of notices that `/health` neither tells nor minds, for anybody may ask it: what the shop spends is its own."""

OLDEST_UNSEALED = """
    SELECT count(*), min(received_at) FROM capture_event
    WHERE (xid, id) > (%s, %s) AND received_at >= %s
"""
THIN = """
    DELETE FROM capture_reading USING (
        SELECT id, row_number() OVER (
                   PARTITION BY sink, date_bin(%(step)s, taken_at, 'epoch') ORDER BY lag_seconds DESC, taken_at DESC
               ) AS place
        FROM capture_reading WHERE taken_at < date_bin(%(step)s, %(until)s, 'epoch')
    ) AS ranked
    WHERE capture_reading.id = ranked.id AND ranked.place > 1
"""
LATEST = """
    SELECT reading.* FROM unnest(%(sinks)s::text[]) AS named (sink) CROSS JOIN LATERAL (
        SELECT * FROM capture_reading WHERE capture_reading.sink = named.sink ORDER BY taken_at DESC LIMIT 1
    ) AS reading
"""
"""One short walk of the index for each sink; DISTINCT ON would walk all of it."""


@dataclass(frozen=True)
class Backlog:
    """What one sink is still owed."""

    waiting: int
    oldest: datetime | None


def take_readings(now: datetime | None = None) -> list[Reading]:
    """Stores how every sink and the log's horizon are doing now; thins old readings out, and forgets the oldest."""
    now = now or datetime.now(UTC)
    readings = [reading(name, now) for name in settings.SINKS]
    Reading.objects.bulk_create(readings, ignore_conflicts=True)
    thin_out(now)
    notices.replace(partitions.KIND, partitions.warnings())
    notices.replace(horizon.KIND, horizon.read(now))
    notices.replace(waiting_room.KIND, waiting_room.warnings())
    quotas.watch(now)
    rebase.watch()
    health_replica.take_reading(now)
    return readings


def thin_out(now: datetime) -> None:
    """Keeps a few thousand readings a sink: all of the last hours, then one a minute, then four an hour."""
    Reading.objects.filter(taken_at__lt=now - READING_RETENTION).delete()
    with connection.cursor() as cursor:
        for age, step in THINNED:
            bounds: dict[str, Any] = {"step": step, "until": now - age}
            cursor.execute(THIN, bounds)


def reading(name: str, now: datetime) -> Reading:
    sink = Sink.objects.filter(name=name).first() or Sink(name=name)
    owed = backlog(sink) if sinks.is_enabled(name) else Backlog(0, None)
    dead = DeadLetter.objects.filter(sink=name, state=DeadLetter.State.DEAD).count()
    lag = max(0.0, (now - owed.oldest).total_seconds()) if owed.oldest else 0.0
    blocked = OutboxBatch.objects.filter(sink=name, state=OutboxBatch.State.BLOCKED).exists()
    return Reading(
        sink=name,
        taken_at=now,
        health=judged(sink, lag, has_casualties=bool(dead or blocked or is_amiss(name))),
        waiting=owed.waiting,
        lag_seconds=lag,
        delivered=sink.delivered,
        dead=dead,
    )


def is_amiss(name: str) -> bool:
    """Whether the store was found to hold something twice, or to have other tables than the vocabulary."""
    doubled = OutboxBatch.objects.filter(sink=name, doubled__gt=0)
    return doubled.exists() or SchemaDrift.objects.filter(sink=name).exists()


def backlog(sink: Sink) -> Backlog:
    """Events of the log that the sink has not got: sealed and not delivered, or not sealed yet."""
    owed = OutboxBatch.objects.filter(~Q(state=OutboxBatch.State.DELIVERED), sink=sink.name)
    sums = owed.aggregate(count=Sum("count"), excluded=Sum("excluded"))
    oldest_sealed = owed.order_by("sequence").values_list("oldest_received_at", flat=True).first()
    since = (
        sink.cursor_received_at - timedelta(days=1)
        if sink.cursor_received_at
        else datetime.min.replace(tzinfo=UTC)
    )
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_UNSEALED, [str(sink.cursor_xid), sink.cursor_id, since])
        unsealed, oldest_unsealed = cursor.fetchone()
    waiting = (sums["count"] or 0) - (sums["excluded"] or 0) + unsealed
    return Backlog(waiting, min(filter(None, (oldest_sealed, oldest_unsealed)), default=None))


def judged(sink: Sink, lag_seconds: float, *, has_casualties: bool) -> str:
    """`disabled`, `healthy`, `degraded` (late, paused, or with rows to look at) or `unhealthy` (takes nothing)."""
    if not sinks.is_enabled(sink.name) or sink.state == Sink.State.OFF:
        return "disabled"
    if sink.failures > FAILURES_ALLOWED:
        return "unhealthy"
    is_late = lag_seconds > LAG_ALLOWED.get(sink.name, OTHER_LAG_ALLOWED)
    is_paused = sink.state == Sink.State.PAUSED
    return "degraded" if sink.failures or is_late or is_paused or has_casualties else "healthy"


def latest() -> dict[str, Reading]:
    """The newest reading of each sink."""
    return {found.sink: found for found in Reading.objects.raw(LATEST, {"sinks": list(settings.SINKS)})}


def summary(now: datetime | None = None) -> dict[str, object]:
    """The document of `GET /health`, while the database answers."""
    now = now or datetime.now(UTC)
    readings = latest()
    capture = {name: _state(name, readings.get(name)) for name in settings.SINKS}
    newest = max((found.taken_at for found in readings.values()), default=None)
    is_stale = newest is None or now - newest > STALE_AFTER
    noticed = notices.sentences(without=NOT_PUBLIC)
    held = horizon.latest()
    replica = health_replica.state(now - STALE_AFTER)
    is_well = all(state in {"healthy", "disabled"} for state in capture.values()) and not is_stale
    well = is_well and not noticed and replica in {None, "healthy"}
    return {
        "status": "healthy" if well else "degraded",
        "data_capture": capture,
        "log": {"horizon_age_seconds": held.age_seconds if held else None},
        "database": "healthy",
        **({"replica": replica} if replica else {}),
        "worker": "stale" if is_stale else "healthy",
        "read_at": newest.isoformat() if newest else None,
        "notices": noticed,
    }


def _state(name: str, last: Reading | None) -> str:
    """As last read; but whether a sink is on, settings and row know better than a reading from before a change."""
    if not sinks.is_enabled(name):
        return "disabled"
    if last and last.health == "disabled":
        return "disabled" if Sink.objects.filter(name=name, state=Sink.State.OFF).exists() else "degraded"
    return last.health if last else "degraded"
