"""Delivery: claim a batch by lease, call its sink with no transaction open, settle with the lease's token.

Invariants:
* A worker that dies at any point leaves a batch that another one takes when the lease runs out.
* A worker that outlives its lease cannot settle, for the token is another's by then, and begins no other request to
  a store that could take the same rows twice (`Batch.seconds_left`).
* A sink that failed is tried with one batch at a time (the half-open circuit breaker of Nygard, "Release It!").
* A poison row is recorded as a dead letter before the others of its batch are sent again.
* A worker from whom its batch was taken, because events were erased from it, says so when it is done with it.
* What a sink promises to commit is written in the batch's row before it does, by the worker who has the batch. When
  events were erased from such a batch, nobody gets it until nothing of it can be on its way any more.
"""

import logging
import math
import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from capture import dead_letters, instruments, log, retry, seal, sinks, usage
from capture.models import OutboxBatch, Sink, XidField
from capture.records import Record
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    Batch,
    BatchRefused,
    Misconfigured,
    OverQuota,
    Promises,
    RowsRefused,
    Unavailable,
)
from capture.sinks.meter import Meter
from leafloaf.lib import statements
from leafloaf.lib.errors import kinds_of

logger = logging.getLogger(__name__)

BUDGET_SECONDS = 20.0
QUOTA_REST = timedelta(seconds=30)
"""A quota is refilled by the minute (BigQuery documentation, "Quotas and limits"); asking sooner uses it up again."""
STATES = OutboxBatch.State

FIELDS = OutboxBatch._meta.concrete_fields
NAMES = [field.attname for field in FIELDS]
COLUMNS = ", ".join(
    f"{name}::text::bigint" if isinstance(field, XidField) else name
    for name, field in zip(NAMES, FIELDS, strict=True)
)
CLAIM = f"""
    UPDATE capture_outboxbatch SET state = 'sending', attempts = attempts + 1, lease_token = %(token)s,
        leased_until = now() + %(lease_seconds)s * interval '1 second'
    WHERE id = (
        SELECT batch.id FROM capture_outboxbatch AS batch
        JOIN capture_sink AS sink ON sink.name = batch.sink
        WHERE batch.sink = %(sink)s AND sink.state = 'enabled' AND sink.available_at <= now()
          AND (batch.state = 'sealed' AND batch.available_at <= now()
               OR batch.state = 'sending' AND batch.leased_until < now())
          AND (batch.promised IS NULL OR batch.recalled_until IS NULL OR batch.recalled_until < now())
          AND (sink.failures = 0 OR NOT EXISTS (
                SELECT FROM capture_outboxbatch AS other
                WHERE other.sink = sink.name AND other.state = 'sending' AND other.leased_until >= now()))
        ORDER BY batch.sequence LIMIT 1 FOR UPDATE OF batch SKIP LOCKED
    )
    RETURNING {COLUMNS}
"""  # noqa: S608 (names of our own)
SETTLE = """
    WITH owing AS MATERIALIZED (SELECT name FROM capture_sink WHERE name = %(sink)s FOR NO KEY UPDATE), settled AS (
        UPDATE capture_outboxbatch
        SET state = 'delivered', delivered_at = now(), lease_token = NULL, leased_until = NULL{set_counted}
        FROM owing
        WHERE id = %(id)s AND lease_token = %(token)s
          AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
        RETURNING sink
    ){and_count}
    UPDATE capture_sink SET delivered = delivered + %(delivered)s, failures = 0, available_at = now()
    FROM settled WHERE name = settled.sink
    RETURNING name
"""
"""Does not wait for the disk: a settling that a crash of Postgres undoes is a batch sent again, which sinks know.

The sink's row is locked before the batch's, as everywhere (`capture.remake`).
"""
SETTLE_PLAIN = SETTLE.format(set_counted="", and_count="")
SETTLE_COUNTED = SETTLE.format(
    set_counted=", is_counted = true", and_count=f", counted AS ({usage.WITH_SETTLED})"
)
"""For a sink that said what its store was given: that is written down in the same statement (`capture.usage`)."""
LET_GO = """
    UPDATE capture_outboxbatch
    SET available_at = least(available_at, now()), recalled_token = NULL, recalled_until = CASE
        WHEN %(is_over)s THEN NULL
        ELSE least(recalled_until, now() + %(on_its_way)s * interval '1 second') END
    WHERE id = %(id)s AND recalled_token = %(token)s
    RETURNING id
"""


def drain(name: str, *, budget_seconds: float = BUDGET_SECONDS, is_final: bool = False) -> int:
    """Seals and delivers what is due for one sink until nothing is, or time is up; returns events delivered."""
    if not sinks.is_enabled(name):
        return 0
    usage.record_queries()
    dead_letters.gather(name)
    delivered = 0
    deadline = time.monotonic() + budget_seconds
    while time.monotonic() < deadline:
        sendable_until = time.monotonic() + settings.OUTBOX_LEASE_SECONDS
        if batch := claim(name):
            delivered += send(batch, sendable_until)
        elif not seal.due(name, is_final=is_final):
            break
    return delivered


def claim(name: str) -> OutboxBatch | None:
    """The oldest batch that may be tried now, leased to the caller; none when there is none."""
    lease = {"token": uuid4(), "lease_seconds": settings.OUTBOX_LEASE_SECONDS, "sink": name}
    return next((OutboxBatch.from_db(None, NAMES, row) for row in statements.fetch(CLAIM, lease)), None)


def send(batch: OutboxBatch, sendable_until: float = math.inf) -> int:
    """Sends a claimed batch and settles it; returns how many of its events were delivered.

    Args:
        sendable_until: when the lease ends, by this process's monotonic clock.
    """
    is_repeated = batch.attempts > 1
    is_remade = batch.remade_at is not None
    meter = Meter(batch.is_counted)
    try:
        records = log.read(batch)
        # What an earlier attempt stored may have to be replaced by nothing.
        while records or (is_remade and is_repeated):
            try:
                sent = Batch(
                    batch.label,
                    batch.object_name,
                    records,
                    is_repeated,
                    sendable_until,
                    batch.sequence,
                    is_remade,
                    meter,
                    batch.promised or {},
                    partial(promise, batch),
                )
                with instruments.sending(batch.sink, is_repeated):
                    sinks.get(batch.sink).deliver(sent)
                break
            except RowsRefused as error:
                instruments.note_error(batch.sink, error)
                exclude(batch, records, error)
                records = [record for record in records if record.event_id not in error.refusals]
                is_repeated = True
    except Unavailable as error:
        instruments.note_error(batch.sink, error)
        postpone(batch, error, meter)
        return 0
    except BatchRefused as error:
        instruments.note_error(batch.sink, error)
        block(batch, error, meter)
        return 0
    return settle(batch, len(records), meter)


def promise(batch: OutboxBatch, promised: Promises) -> None:
    """Notes, for good, what the sink is about to commit.

    Raises:
        Unavailable: the batch is another worker's by now, who may have promised something else.
    """
    if not _owned(batch).update(promised=dict(promised)):
        raise Unavailable("the lease ran out before anything was committed")
    batch.promised = dict(promised)


def settle(batch: OutboxBatch, delivered: int, meter: Meter) -> int:
    """Marks the batch delivered, if it is still the caller's; returns the events that counts for."""
    values = {"id": batch.id, "sink": batch.sink, "token": batch.lease_token, "delivered": delivered}
    used = meter.all()
    with transaction.atomic() if batch.is_replay else nullcontext():
        if used:
            settled = statements.fetch(SETTLE_COUNTED, values | usage.parameters(used))
        else:
            settled = statements.fetch(SETTLE_PLAIN, values)
        if settled and batch.is_replay:
            dead_letters.settle(batch)
    if not settled:
        usage.record(meter.requests())
        instruments.note_outcome(batch.sink, instruments.LOST)
        if not let_go(batch, is_over=batch.attempts == 1):
            logger.warning(
                "Batch %s was delivered after its lease had run out; another worker has it.", batch
            )
        return 0
    age = datetime.now(UTC) - batch.oldest_received_at
    instruments.note_delivered(batch.sink, delivered, age.total_seconds())
    return delivered


def let_go(batch: OutboxBatch, *, is_over: bool) -> bool:
    """Says that the worker is done with a batch that was taken from it, so that nobody has to wait for its lease.

    Args:
        is_over: nothing that was sent of it can still be on its way to the store.
    """
    values = {
        "id": batch.id,
        "token": batch.lease_token,
        "is_over": is_over,
        "on_its_way": TIMEOUT_SECONDS,
    }
    return bool(statements.fetch(LET_GO, values))


def postpone(batch: OutboxBatch, error: Unavailable, meter: Meter) -> None:
    """Gives the batch back, and lets the whole sink rest: what is away for one batch is away for all.

    A batch that is another's by now is left to it, and so is the judgement of the sink.
    """
    said = str(error)
    with transaction.atomic():
        sink = Sink.objects.select_for_update(no_key=True).get(name=batch.sink)
        given_back = _owned(batch).update(
            state=STATES.SEALED,
            lease_token=None,
            leased_until=None,
            last_error=said,
            first_error=batch.first_error or said,
        )
        rest = _rest(sink, error) if given_back else timedelta(0)
        usage.record(meter.requests())
    instruments.note_outcome(batch.sink, instruments.POSTPONED if given_back else instruments.LOST)
    if not given_back:
        let_go(batch, is_over=False)
    logger.warning(
        "%s did not take batch %s; next try in %.1f s (%s).",
        batch.sink,
        batch,
        rest.total_seconds(),
        kinds_of(error),
    )


def _rest(sink: Sink, error: Unavailable) -> timedelta:
    sink.failures += 1
    rest = rest_after(error, sink.failures)
    sink.available_at = datetime.now(UTC) + rest
    sink.last_error, sink.last_error_at = str(error), datetime.now(UTC)
    sink.save(update_fields=["failures", "available_at", "last_error", "last_error_at"])
    return rest


def rest_after(error: Unavailable, failures: int) -> timedelta:
    """How long a sink is left alone; the longest where only a person can change anything."""
    if isinstance(error, Misconfigured):
        return retry.CEILING
    rest = retry.delay(failures, random.random())  # noqa: S311
    return max(rest, QUOTA_REST) if isinstance(error, OverQuota) else rest


def block(batch: OutboxBatch, error: BatchRefused, meter: Meter) -> None:
    """Sets the batch aside for a person; the sink goes on with the next one."""
    said = str(error)
    usage.record(meter.requests())
    blocked = _owned(batch).update(
        state=STATES.BLOCKED,
        lease_token=None,
        leased_until=None,
        last_error=said,
        first_error=batch.first_error or said,
    )
    instruments.note_outcome(batch.sink, instruments.BLOCKED if blocked else instruments.LOST)
    if not blocked:
        let_go(batch, is_over=batch.attempts == 1)
        return
    Sink.objects.filter(name=batch.sink).update(last_error=said, last_error_at=Now())
    logger.error("Batch %s is blocked and needs a person (%s).", batch, kinds_of(error))


def exclude(batch: OutboxBatch, records: Sequence[Record], error: RowsRefused) -> None:
    """Records the refused rows as dead letters, before the rest of the batch is sent.

    Raises:
        Unavailable: the lease has run out; whoever has the batch now will meet the same rows.
    """
    with transaction.atomic():
        if not _owned(batch).update(excluded=F("excluded") + len(error.refusals)):
            raise Unavailable("the lease ran out while rows were being refused")
        bury = dead_letters.bury_again if batch.is_replay else dead_letters.bury
        bury(batch, records, error.refusals)
    batch.excluded += len(error.refusals)
    instruments.note_refused(batch.sink, len(error.refusals))
    logger.error("%s refused %s events of batch %s for good.", batch.sink, len(error.refusals), batch)


def _owned(batch: OutboxBatch) -> QuerySet[OutboxBatch]:
    return OutboxBatch.objects.filter(id=batch.id, lease_token=batch.lease_token)
