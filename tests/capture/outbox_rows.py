"""Rows as the workflow leaves them, made directly: for pages that only show them."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

from capture.models import DeadLetter, LedgerDay, OutboxBatch, Reading


def configured(**enabled: bool) -> dict[str, dict[str, Any]]:
    """A SINKS setting with these sinks on or off."""
    return {
        name: {
            "BACKEND": "capture.sinks.memory.MemorySink",
            "ENABLED": is_enabled,
            "BATCH_SIZE": 100,
            "MAX_AGE_SECONDS": 1,
            "OPTIONS": {},
        }
        for name, is_enabled in enabled.items()
    }


def reading(sink: str, taken_at: datetime, **values: Any) -> Reading:
    usual = {"health": "healthy", "waiting": 0, "lag_seconds": 0.0, "delivered": 0, "dead": 0}
    return Reading(sink=sink, taken_at=taken_at, **usual | values)


def day_of_readings(
    sink: str, now: datetime, away: timedelta = timedelta(0), lag: float = 1.0
) -> list[Reading]:
    """One reading a minute of the last 24 hours; for the last `away` of them nothing was delivered."""
    readings = []
    delivered = 40_000
    for minute in range(24 * 60, -1, -1):
        ago = timedelta(minutes=minute)
        wave = 1 + math.sin(minute / 140) / 2 + ((minute * 7919) % 13) / 20
        late = max(0.0, (away - ago).total_seconds())
        delivered += 0 if late else round(60 * wave)
        health = "unhealthy" if late > 600 else "degraded" if late else "healthy"
        values = {"lag_seconds": late or lag * wave, "waiting": round(late * wave) or round(4 * wave)}
        readings.append(reading(sink, now - ago, health=health, delivered=delivered, **values))
    return readings


def batch(sink: str, sequence: int, sealed_at: datetime, **values: Any) -> OutboxBatch:
    usual: dict[str, Any] = {
        "day": sealed_at.astimezone(UTC).date(),
        "first_xid": 1,
        "first_id": sequence * 100,
        "last_xid": 1,
        "last_id": sequence * 100 + 99,
        "count": 100,
        "checksum": "0" * 32,
        "object_name": f"events/{sealed_at.astimezone(UTC):%Y%m%d_%H%M%S}_100-{sequence}_events.jsonl",
        "oldest_received_at": sealed_at - timedelta(seconds=20),
        "sealed_at": sealed_at,
        "state": OutboxBatch.State.DELIVERED,
        "attempts": 1,
        "delivered_at": sealed_at + timedelta(seconds=0.4),
    }
    return OutboxBatch.objects.create(sink=sink, sequence=sequence, **usual | values)


def dead_letter(of: OutboxBatch, event_id: str, reason: str, **values: Any) -> DeadLetter:
    usual = {"sink": of.sink, "day": of.day, "event_type": "search", "response": {"reason": "invalid"}}
    return DeadLetter.objects.create(batch=of, event_id=event_id, reason=reason, **usual | values)


def account(sink: str, day: date, captured: int, **values: int) -> LedgerDay:
    usual = {"delivered": captured, "pending": 0, "dead": 0, "discarded": 0}
    counted_at = datetime.now(UTC)
    return LedgerDay.objects.create(
        sink=sink, day=day, captured=captured, counted_at=counted_at, **usual | values
    )
