"""What a batch for BigQuery costs the worker, by `insert_all` and by pending streams, against the same stand-in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from bench.capture import Sizes
from bench.capture.samples import ENVELOPE, Samples
from bench.figures import Spread, Table, interleaved, ratios
from bench.stack import Stack
from capture.records import Record, encoder
from capture.sinks import bigquery_setup
from capture.sinks.base import Batch
from capture.sinks.bigquery import INSERT_ALL, BigQuerySink
from capture.sinks.meter import STORAGE_WRITE
from leafloaf.stack import ports, services

UNIT = 500
BATCHES = {500: 6, 5000: 1}
"""Rows of a batch, and how many batches are one measurement."""
METHODS = (INSERT_ALL, STORAGE_WRITE)


@dataclass(frozen=True)
class Cost:
    """Seconds for `UNIT` rows: of the worker's processor, and by the clock."""

    processor: float
    wall: float


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    made = services.bigquery(stack.folder, ports.any_free(), stack.log("bigquery"), ports.any_free())
    variables = stack.component(made).service.environment()
    contenders: dict[str, Callable[[], Cost]] = {}
    for method in METHODS:
        sink = BigQuerySink(
            variables["BIGQUERY_PROJECT"],
            method,
            endpoint=variables["BIGQUERY_ENDPOINT"],
            method=method,
            write_endpoint=variables["BIGQUERY_WRITE_ENDPOINT"],
        )
        bigquery_setup.set_up(sink, retention_days=90)
        sink.deliver(batch(UNIT))  # connections are opened once
        for rows in BATCHES:
            contenders[f"{method} {rows}"] = partial(cost, sink, rows)
    return [table(interleaved(max(sizes.runs, 5), contenders))]


def table(found: dict[str, list[Cost]]) -> Table:
    made = Table(
        "warehouse",
        ["", "rows a batch", "processor, ms for 500 rows", "ratio", "by the clock, ms for 500 rows", "ratio"],
    )
    for rows in BATCHES:
        base = found[f"{INSERT_ALL} {rows}"]
        for method in METHODS:
            costs = found[f"{method} {rows}"]
            made.rows.append(
                [
                    f"`{method}`",
                    f"{rows:,}",
                    Spread([1000 * one.processor for one in costs]).text(1),
                    ratios([one.processor for one in costs], [one.processor for one in base]).text(),
                    Spread([1000 * one.wall for one in costs]).text(1),
                    ratios([one.wall for one in costs], [one.wall for one in base]).text(),
                ]
            )
    return made


def cost(sink: BigQuerySink, rows: int) -> Cost:
    """Of batches that hold events of every type; made before, read from the log by nobody."""
    batches = [batch(rows) for _ in range(BATCHES[rows])]
    processor, wall = time.process_time(), time.perf_counter()
    for each in batches:
        sink.deliver(each)
    units = rows * len(batches) / UNIT
    return Cost((time.process_time() - processor) / units, (time.perf_counter() - wall) / units)


def batch(rows: int) -> Batch:
    now = datetime.now(UTC)
    records = [
        Record(
            event_id=event["event_id"],
            event_type=event["event_type"],
            received_at=now,
            occurred_at=now,
            user_id=str(uuid4()) if "user_id" in event else None,
            session_id=event["session_id"],
            content=encoder.encode(
                {name: value for name, value in event.items() if name not in ENVELOPE}
            ).decode(),
            schema_version=1,
        )
        for event in Samples().events(rows)
    ]
    return Batch(f"bench-{uuid4()}", "", records)
