"""*Data quality* as gauges: how many events there were, and what a sample of the latest was like."""

from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client import Metric

from capture import quality
from leafloaf.lib.metering import Readings, gauge

QUANTILES = ("0.5", "0.9", "0.99")

CAPTURED = gauge("leafloaf_captured_events_24h", "Events of the last 24 full hours, by type.", "event_type")
BEFORE = gauge(
    "leafloaf_captured_events_24h_week_before", "The same a week before, to compare.", "event_type"
)
MISSING = gauge(
    "leafloaf_field_missing_ratio",
    f"Share of the latest {quality.SAMPLE:,} events, of their type, without an optional field.",
    "event_type",
    "field",
)
LATE = gauge(
    "leafloaf_event_lateness_seconds",
    "How long after it happened an event arrived, in the same sample, by channel (empty where none was told).",
    "channel",
    "quantile",
)


def read() -> Iterable[Metric]:
    readings, now = Readings(), datetime.now(UTC)
    for one in quality.volumes(now).types:
        readings.add(CAPTURED, one.day.now, one.event_type)
        readings.add(BEFORE, one.day.before, one.event_type)
    return readings.metrics()


def sampled() -> Iterable[Metric]:
    """What costs a look at the log: to be read now and then."""
    readings, now = Readings(), datetime.now(UTC)
    for one in quality.fields(now):
        for field in one.fields:
            readings.add(MISSING, field.missing / field.sampled, one.event_type, field.name)
    for channel in quality.lateness(now):
        values = (channel.half, channel.most, channel.nearly_all)
        for quantile, value in zip(QUANTILES, values, strict=True):
            readings.add(LATE, value, channel.channel, quantile)
    return readings.metrics()
