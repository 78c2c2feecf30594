"""*API clients* as gauges. Their names are not told: staff write them."""

from collections import Counter
from collections.abc import Iterable

from django.utils import timezone
from prometheus_client import Metric

from leafloaf.access import client_state, clients_dashboard
from leafloaf.access.models import ApiClient
from leafloaf.lib.metering import Readings, gauge

CLIENTS = gauge("leafloaf_api_clients", "API clients by kind, and whether they work.", "kind", "state")
TO_DO = gauge("leafloaf_api_clients_to_do", "Clients that somebody has something to do about.")
ENDING = gauge("leafloaf_api_keys_ending", "Keys that work and end within 7 days.")
USED_AT = gauge(
    "leafloaf_api_client_used_timestamp_seconds", "When a client of the kind last called.", "kind"
)


def read() -> Iterable[Metric]:
    readings, now = Readings(), timezone.now()
    states = clients_dashboard.read(now)
    counts = Counter((one.client.kind, "revoked" if one.is_revoked else "working") for one in states)
    for kind in ApiClient.Kind.values:
        for state in ("working", "revoked"):
            readings.add(CLIENTS, counts[kind, state], kind, state)
        used = [one.last_used_at for one in states if one.client.kind == kind and one.last_used_at]
        readings.add(USED_AT, max(used, default=None), kind)
    readings.add(TO_DO, sum(bool(one.to_do) for one in states))
    keys = [key for one in states if not one.is_revoked for key in one.working if key.key.expires_at]
    soon = now + client_state.ENDS_SOON
    readings.add(ENDING, sum(key.key.expires_at is not None and key.key.expires_at <= soon for key in keys))
    return readings.metrics()
