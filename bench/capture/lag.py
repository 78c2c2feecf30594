"""Seconds from an event's commit to its delivery, at a steady rate, to Redis and the stand-ins for Google's stores.

The lag is what the tables say: `delivered_at` of the batch minus `received_at` of the event, which is taken when
the request comes in, a few milliseconds before the commit.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from bench.capture import Sizes, clients, samples
from bench.capture.measuring import Events, execute
from bench.figures import Table, number
from bench.stack import Stack
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.stack import ports, services
from leafloaf.stack.process import Process
from leafloaf.stack.services import REPOSITORY

RATES = (200, 500)
TARGETS = {"redis": 2, "bigquery": 10, "cloud_storage": 75}
SECONDS = 15
WARM_SECONDS = 3
SETTLE_SECONDS = 4.0
REAL = "leafloaf.settings"
LAG = """
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY lag), percentile_cont(0.95) WITHIN GROUP (ORDER BY lag)
    FROM (
        SELECT extract(epoch FROM batch.delivered_at - event.received_at) AS lag
        FROM capture_outboxbatch AS batch
        JOIN capture_event AS event ON (event.xid, event.id) >= (batch.first_xid, batch.first_id)
                                   AND (event.xid, event.id) <= (batch.last_xid, batch.last_id)
        WHERE batch.sink = %s AND batch.state = 'delivered' AND event.received_at >= %s AND event.received_at < %s
    ) AS lags
"""


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    seconds = max(4, min(SECONDS, sizes.events // 1000))
    environment = stores(stack, "lag")
    key = keys.create("Bench lag", ApiClient.Kind.SECRET)
    web, port = stack.granian("lag-web", workers=2, threads=4, settings=REAL, environment=environment)
    table = Table("lag", ["", "events/s", *(f"{name}, p50 / p95, s" for name in TARGETS)])
    table.rows.append(["target", "", *(f"p95 {seconds} s" for seconds in TARGETS.values())])
    for name, delivering in (("`drain --loop`", looping), ("Celery worker and beat", celery)):
        with delivering(stack, environment):
            post_at(port, key, RATES[0], WARM_SECONDS)
            for rate in RATES:
                table.rows.append([name, *row(port, key, rate, seconds)])
    stack.stop(web)
    return [table]


def stores(stack: Stack, part: str) -> dict[str, str]:
    """Redis and the stand-ins, empty and set up, and the variables that lead to them."""
    environment: dict[str, str] = {**stack.redis.service.environment(), "DJANGO_SETTINGS_MODULE": REAL}
    environment["REDIS_PREFIX"] = f"{part}:"
    for make in (services.cloud_storage, services.bigquery):
        service = make(stack.folder / part, ports.any_free(), stack.log(f"{part}-{make.__name__}"))
        stack.component(service)
        environment |= service.environment()
    for command in ("setup_cloud_storage", "setup_bigquery"):
        subprocess.run(
            [sys.executable, "manage.py", command],
            env=os.environ | environment,
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        )
    return environment


@contextmanager
def looping(stack: Stack, environment: dict[str, str]) -> Iterator[None]:
    drain = stack.python("drain", ["manage.py", "drain", "--loop"], **environment)
    try:
        yield
    finally:
        stack.stop(drain)


@contextmanager
def celery(stack: Stack, environment: dict[str, str]) -> Iterator[None]:
    """As `make run` starts them."""
    command = ["-m", "celery", "-A", "leafloaf"]
    options = ["-P", "threads", "-c", "4", "--without-mingle", "--without-gossip"]
    schedule = str(stack.folder / "beat-schedule")
    running: list[Process] = []
    try:
        running.append(stack.python("worker", [*command, "worker", *options], "[queues]", **environment))
        running.append(
            stack.python("beat", [*command, "beat", "-s", schedule], "Configuration ->", **environment)
        )
        yield
    finally:
        stack.stop(*reversed(running))


def row(port: int, key: str, rate: int, seconds: int) -> list[str]:
    began = now()
    sent = post_at(port, key, rate, seconds)
    ended = now()
    time.sleep(SETTLE_SECONDS)
    found = [lag(name, began, ended) for name in TARGETS]
    cells = [f"{lags[0]:.2f} / {lags[1]:.2f}" if lags else "none delivered" for lags in found]
    return [f"{rate} asked, {number(sent, 0)} sent", *cells]


def now() -> datetime:
    """By the clock that the lag is measured with."""
    moment: datetime = execute("SELECT clock_timestamp()")[0][0]
    return moment


def lag(sink: str, began: datetime, ended: datetime) -> tuple[float, float] | None:
    """p50 and p95 of the events received in that time that have been delivered by now."""
    count, middle, high = execute(LAG, sink, began, ended)[0]
    return (float(middle), float(high)) if count else None


def post_at(port: int, key: str, rate: int, seconds: float) -> float:
    """Sends one event a request at a steady rate; returns the rate that was reached."""
    events = Events(2000).fresh(round(rate * seconds))
    requests = [clients.request("/api/v1/events", body, key) for body in samples.bodies(events, 1)]
    places = itertools.count()
    begin = time.perf_counter()

    def work(_: int) -> None:
        client = clients.Client(port, b"HTTP/1.1 202")
        while (place := next(places)) < len(requests):
            time.sleep(max(0.0, begin + place / rate - time.perf_counter()))
            client.send(requests[place])
        client.close()

    clients.together(work)
    return len(requests) / (time.perf_counter() - begin)
