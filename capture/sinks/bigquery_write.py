"""BigQuery: the Storage Write API, one pending stream a batch and table.

Invariants:
* A stream is committed only when its batch's row names it, and that is written before the commit (`Batch.promise`),
  by whoever still has the batch. An attempt after that commits the same stream again and never fills another:
  BigQuery commits a stream once.
* A batch that names no stream has committed none, whatever became of the attempts before.
* What a stream is to hold never changes once it is named. Where it must not be committed any more, for it has events
  that were erased from the batch, it is left, once it is certain that no commit of it is on its way (`deliver.CLAIM`).

docs/decisions/0013-streams-are-named-before-they-are-committed.md weighs this against the alternatives.
"""

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from capture import schema
from capture.records import Record, learn
from capture.sinks import bigquery_write_rows
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    Batch,
    BatchRefused,
    Difference,
    Misconfigured,
    Promises,
    Refusal,
    RowsRefused,
    Unavailable,
)
from capture.sinks.bigquery_write_client import (
    LOCAL,
    BadSchema,
    Gone,
    UnknownColumns,
    Unspoken,
    Writer,
)
from capture.sinks.bigquery_write_rows import UnfitRow
from capture.sinks.meter import STORAGE_WRITE, Place

if TYPE_CHECKING:
    from capture.sinks.bigquery import BigQuerySink

logger = logging.getLogger(__name__)

REQUEST_BYTES = 9 * 1024 * 1024
"""A request may have 10 MB (BigQuery documentation, "Quotas and limits", Storage Write API)."""
ROW_BYTES = 8
"""What a row takes in a request beside itself, at most."""
ASK_AGAIN_SECONDS = 300.0
"""How long it is believed that a local server does not know the Storage Write API."""
FALLS_BACK = "is written by insert_all and should be by pending streams"
REMEDY = (
    "set BIGQUERY_WRITE_ENDPOINT to a server that speaks the Storage Write API (gRPC), "
    "or BIGQUERY_WRITE_METHOD=insert_all"
)

Promise = Mapping[str, Any]
"""Of one table: `table`, its path; `stream`, its name; `events`, a checksum of which events of the batch the table is
to show; `is_all`, whether all their rows are in the stream, none having been there before.
"""


class Streams:
    """Delivers batches of a sink through pending streams."""

    def __init__(self, sink: "BigQuerySink") -> None:
        self.sink = sink
        self.writer = Writer(sink.write_endpoint, sink.account)
        self._unspoken_until = 0.0

    def deliver(self, batch: Batch) -> bool:
        """Has the tables show every record of the batch once; False when it is left to `insert_all`.

        Raises:
            Unavailable, Misconfigured, BatchRefused, RowsRefused: see there.
        """
        own = replace(batch, promised=self._own(batch.promised))
        if not own.promised and (self.sink.method != STORAGE_WRITE or self.falls_back()):
            return _leave(batch)
        try:
            kept = {
                table: promise
                for table, promise in own.promised.items()
                if self._is_done(table, promise, own)
            }
            self._count_found(own, kept)
            fresh = self._filled(_open(own, kept), own)
        except Unspoken as error:
            if own.promised or not self.is_local:
                raise
            self._fall_back(error)
            return _leave(batch)
        if kept | fresh != batch.promised:
            batch.promise(kept | fresh)
        self._commit_all(fresh, batch)
        return True

    def _commit_all(self, fresh: Promises, batch: Batch) -> None:
        for promise in fresh.values():
            try:
                self._commit(promise, batch)
            except Gone as error:  # the next attempt fills another
                raise Unavailable(f"a stream was gone before it was committed: {error}") from error

    # What was promised before

    def _own(self, promised: Promises) -> Promises:
        """The promises, unless they are of another project's or dataset's tables, which this sink had before.

        The path is compared that was asked for, as the stream's name is worded by the server.
        """
        paths = {table: path(self.sink, event_type) for event_type, table in schema.TABLES.items()}
        is_own = all(promise.get("table") in {None, paths.get(table)} for table, promise in promised.items())
        return promised if is_own else {}

    def _is_done(self, table: str, promise: Promise, batch: Batch) -> bool:
        """Has the stream committed; False when it never will be, and the table has to be written to anew.

        A stream with more than what is left of the batch is not committed any more. If it was, the table holds
        what was erased: that is for the holder to delete.
        """
        try:
            if promise["events"] != fingerprint(of_table(batch, table)):
                return self.writer.is_committed(promise["stream"], batch.seconds_left())
            self._commit(promise, batch)
        except Gone:
            return False
        return True

    def _commit(self, promise: Promise, batch: Batch) -> None:
        stream = str(promise["stream"])
        self.writer.commit(stream.partition("/streams/")[0], stream, batch.seconds_left())

    def _count_found(self, batch: Batch, kept: Promises) -> None:
        """Rows that an earlier attempt has brought, which was not counted."""
        for event_type, table in schema.TABLES.items():
            if table in kept:
                records = of_table(batch, table)
                batch.meter.found(place_of(event_type), sizes(records, batch.label))

    # New streams

    def _filled(self, event_types: Iterable[str], batch: Batch) -> dict[str, Promise]:
        """A finalized stream for each table that lacks rows of the batch, ready to be committed.

        Raises:
            RowsRefused: see there; no stream was promised.
        """
        promises: dict[str, Promise] = {}
        refusals: dict[str, Refusal] = {}
        for event_type in event_types:
            records = of_table(batch, schema.TABLES[event_type])
            missing = self._missing(event_type, batch, records)
            if not missing:
                continue
            learn(missing)
            rows, refused = encoded(missing, batch.label)
            stream, more = ("", {}) if refused else self._stream(event_type, batch, rows)
            refusals |= refused | more
            promises[schema.TABLES[event_type]] = {
                "table": path(self.sink, event_type),
                "stream": stream,
                "events": fingerprint(records),
                "is_all": len(missing) == len(records),
            }
        if refusals:
            raise RowsRefused(refusals)
        return promises

    def _missing(self, event_type: str, batch: Batch, records: Sequence[Record]) -> Sequence[Record]:
        """The records that the table does not hold yet.

        Without a promised stream no stream was committed, so that `insert_all` has brought those that are there.
        """
        if not records or not batch.is_repeated:
            return records
        held = self.sink.held(event_type, batch.label, records)
        found = [record for record in records if record.event_id in held]
        if schema.TABLES[event_type] in batch.promised:
            batch.meter.found(place_of(event_type), sizes(found, batch.label))
        else:
            self.sink.count_found(event_type, batch, found)
        return [record for record in records if record.event_id not in held]

    def _stream(
        self, event_type: str, batch: Batch, rows: dict[str, bytes]
    ) -> tuple[str, dict[str, Refusal]]:
        """A finalized stream with these rows, by event id, or why some of them are refused for good."""
        stream = self.writer.create(path(self.sink, event_type), batch.seconds_left())
        opened, offset = 1, 0
        for part in parts(rows):
            size = sum(len(row) + ROW_BYTES for row in part.values())
            batch.meter.request(place_of(event_type), len(part), size, streams=opened)
            opened = 0
            if refusals := self._append(event_type, batch, stream, part, offset):
                return stream, refusals
            offset += len(part)
        held = self.writer.finalize(stream, batch.seconds_left())
        if held != len(rows):
            raise Unavailable(f"the stream holds {held} of {len(rows)} rows")
        batch.meter.stored(place_of(event_type), lengths(rows))
        return stream, {}

    def _append(
        self, event_type: str, batch: Batch, stream: str, rows: dict[str, bytes], offset: int
    ) -> dict[str, Refusal]:
        ids, described = list(rows), bigquery_write_rows.described(schema.columns(event_type))
        try:
            errors = self.writer.append(stream, list(rows.values()), described, offset, batch.seconds_left())
        except UnknownColumns as error:
            self.sink.blame_the_table(event_type, {})
            raise Unavailable(f"BigQuery does not know a new column yet: {error}") from error
        except BadSchema as error:
            self.sink.blame_the_table(event_type, {})
            raise BatchRefused(str(error)) from error
        refusals = {
            ids[index]: Refusal(f"row: {said}", [{"reason": "invalid", "message": said}])
            for index, said in errors.items()
        }
        if refusals:
            self.sink.blame_the_table(event_type, refusals)
        return refusals

    # A server that does not speak it

    @property
    def is_local(self) -> bool:
        """Only where no guarantee is lost that somebody relies on may another way be taken by itself."""
        return (self.sink.write_endpoint or self.sink.endpoint).startswith(LOCAL)

    def falls_back(self) -> bool:
        """Whether it is known that batches go by `insert_all` here, although pending streams are asked for."""
        has_address = bool(self.sink.write_endpoint) or not self.is_local
        if not has_address:
            self._fall_back(Unspoken("BIGQUERY_ENDPOINT is a local server, and none is named for gRPC"))
        return time.monotonic() < self._unspoken_until

    def _fall_back(self, error: Unspoken) -> None:
        if not self._unspoken_until:
            logger.warning("BigQuery %s: %s. To mend it, %s.", FALLS_BACK, error, REMEDY)
        self._unspoken_until = time.monotonic() + ASK_AGAIN_SECONDS

    def probe(self) -> None:
        """Asks whether each table can be written to; what falls back is well.

        Raises:
            Unavailable, Misconfigured: as for `BaseSink.probe`.
        """
        if self.falls_back():
            return
        try:
            for event_type in schema.TABLES:
                self.writer.ask(path(self.sink, event_type), TIMEOUT_SECONDS)
        except Unspoken as error:
            if not self.is_local:
                raise
            self._fall_back(error)

    def differences(self) -> list[Difference]:
        """That another way is taken than the one asked for, for staff to know."""
        try:
            self.probe()
        except Misconfigured:  # told where it matters: nothing can be delivered
            return []
        if not self.falls_back():
            return []
        return [Difference(f"{self.sink.project}.{self.sink.dataset}", "", FALLS_BACK, REMEDY)]


def of_table(batch: Batch, table: str) -> list[Record]:
    return [record for record in batch.records if schema.TABLES[record.event_type] == table]


def fingerprint(records: Iterable[Record]) -> str:
    """Which events these are; against mistakes, not attackers."""
    ids = "\n".join(record.event_id for record in records)
    return hashlib.md5(ids.encode(), usedforsecurity=False).hexdigest()


def _leave(batch: Batch) -> bool:
    """Leaves the batch to `insert_all`: what was promised of other tables says nothing of these."""
    if batch.promised:
        batch.promise({})
    return False


def _open(batch: Batch, kept: Promises) -> Iterator[str]:
    """The event types whose tables have to be written to: all, or those whose promised streams are lost."""
    for event_type, table in schema.TABLES.items():
        if table not in kept and (not batch.promised or table in batch.promised):
            yield event_type


def encoded(records: Sequence[Record], label: str) -> tuple[dict[str, bytes], dict[str, Refusal]]:
    """The rows by event id, and why some can be none."""
    rows: dict[str, bytes] = {}
    refusals: dict[str, Refusal] = {}
    for record in records:
        try:
            rows[record.event_id] = bigquery_write_rows.encoded(record, label)
        except UnfitRow as error:
            refusals[record.event_id] = Refusal(str(error), [{"reason": "invalid", "message": str(error)}])
        else:
            if len(rows[record.event_id]) > REQUEST_BYTES:
                said = f"row: larger than {REQUEST_BYTES} bytes"
                refusals[record.event_id] = Refusal(said, [{"reason": "invalid", "message": said}])
    return rows, refusals


def sizes(records: Sequence[Record], label: str) -> dict[str, int]:
    """What each record takes as a row, by event id."""
    learn(records)
    return lengths(encoded(records, label)[0])


def lengths(rows: Mapping[str, bytes]) -> dict[str, int]:
    return {event_id: len(row) for event_id, row in rows.items()}


def parts(rows: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """The rows in order, as many at a time as one request may have."""
    part: dict[str, bytes] = {}
    size = 0
    for event_id, row in rows.items():
        if part and size + len(row) + ROW_BYTES > REQUEST_BYTES:
            yield part
            part, size = {}, 0
        part[event_id] = row
        size += len(row) + ROW_BYTES
    if part:
        yield part


def path(sink: "BigQuerySink", event_type: str) -> str:
    """The table as this API names it."""
    return f"projects/{sink.project}/datasets/{sink.dataset}/tables/{schema.TABLES[event_type]}"


def place_of(event_type: str) -> Place:
    """The table as `Meter` counts it."""
    return schema.TABLES[event_type], STORAGE_WRITE
