"""Spanner: a copy of what is remembered of people, as tables that a property graph is drawn over.

What is copied is the state and not the event: an event says whose rows have changed, and these are read where they are
kept and written as they are now. So a batch that comes twice, late or in another order counts nothing twice and nothing
wrongly (docs/decisions/0015-a-copy-of-the-state.md).

Invariants:
* A transaction reads the people's rows in Spanner first, which locks what every write of them sets, and only then
  what is remembered. Of two workers with the same person the later to commit has read later: nobody writes an older
  state over a newer one, and nobody who was erased meanwhile comes back.
* Whose state cannot be had any more (erased, being erased, or not to be profiled) has every row removed.
* A batch's account is written with the last of its changes.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.utils.module_loading import import_string
from google.api_core import exceptions
from google.cloud.spanner_v1.types import ResultSet

from capture import instruments
from capture.sinks import spanner_tables
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    Acknowledged,
    BaseSink,
    Batch,
    Difference,
    Recount,
)
from capture.sinks.google_accounts import READER, Accounts, Acting
from capture.sinks.spanner_answers import FAILURES, classified
from capture.sinks.spanner_calls import SHORTEST, Connection, Seconds, until
from capture.sinks.spanner_tables import ACCOUNT, Change, Key, Part, Source, Table, encoded

PEOPLE_AT_ONCE, PRODUCTS_AT_ONCE = 100, 500
WHOLE_AT_ONCE = 4
LONGEST_PAUSE_SECONDS = 1.0
MOST_KNOWN = 50_000
"""Shared rows that this process need not write again."""
DELIVERED = "SELECT label, events FROM DeliveredBatch WHERE label IN UNNEST(@labels)"


class SpannerSink(Connection, BaseSink, Acting):
    """Writes into the tables that `setup_spanner` made; never makes one itself.

    Args:
        endpoint: another address than Google's own; an http:// one gets no credentials.
        source: dotted path to a `Source`, which says what is kept of whom.
        accounts: as whom it reads, erases and verifies; it writes as `account`, the process's own when empty.
    """

    def __init__(
        self,
        project: str,
        instance: str,
        database: str,
        endpoint: str = "",
        source: str = "",
        accounts: Accounts = (),
        account: str = "",
    ) -> None:
        self.project = project
        self.instance = f"projects/{project}/instances/{instance}"
        Connection.__init__(self, f"{self.instance}/databases/{database}", endpoint, account)
        self.options = project, instance, database, endpoint, source
        self.source_path = source
        Acting.__init__(self, accounts, account)
        self._known: dict[tuple[str, Key], Key] = {}

    def as_account(self, account: str) -> "SpannerSink":
        return SpannerSink(*self.options, self.accounts, account)

    @cached_property
    def source(self) -> Source:
        found: Source = import_string(self.source_path)
        return found

    # What the outbox asks for

    def deliver(self, batch: Batch) -> None:
        if batch.is_repeated and not batch.is_remade and self._is_in(batch):
            return
        parts = self.source.parts(batch.records)
        pieces = [*spanner_tables.parted(parts, PEOPLE_AT_ONCE, PRODUCTS_AT_ONCE)] or [[]]
        for piece in pieces:
            last = [_written(ACCOUNT, [self._account(batch)])] if piece is pieces[-1] else []
            self.put(piece, batch.seconds_left, last)

    def _is_in(self, batch: Batch) -> bool:
        found = self.read(ACCOUNT, {"keys": [[batch.label]]}, batch.seconds_left)
        return any(True for _ in found)

    def _account(self, batch: Batch) -> Key:
        return batch.label, len(batch.records), spanner_tables.NOW

    def probe(self) -> None:
        self.ask("SELECT 1 FROM DeliveredBatch LIMIT 1", {})

    def differences(self, retention_days: int) -> Sequence[Difference]:
        live = self.live()
        found = spanner_tables.differences(spanner_tables.wanted(self.source), live)
        return found + self._graph_differences() + self._kept_too_long()

    def _kept_too_long(self) -> list[Difference]:
        if (kept := self.kept_for()) <= SHORTEST:
            return []
        said = f"keeps what is erased for {kept}, not {SHORTEST} (version_retention_period)"
        return [Difference(self.database.rpartition("/")[2], "", said, spanner_tables.BY_HAND)]

    def _graph_differences(self) -> list[Difference]:
        """A server that knows no property graphs, as Google's emulator, is not asked to have one."""
        try:
            graphs = self.graphs()
        except NotImplementedError:
            return []
        if self.source.graph_name in graphs:
            return []
        said = "does not exist", spanner_tables.SET_UP, "made"
        return [Difference(self.source.graph_name, "", *said)]

    def recount(self, batches: Sequence[Acknowledged]) -> Mapping[str, Recount]:
        """By the account that was committed with a batch's last change: what is in is in once."""
        labels = [batch.label for batch in batches]
        told = dict(self.acting(READER).ask(DELIVERED, {"labels": labels}))
        return {
            batch.label: Recount(batch.count if batch.is_remade else min(batch.count, int(told[batch.label])))
            if batch.label in told
            else Recount(0)
            for batch in batches
        }

    # Transactions

    def put(
        self, parts: Sequence[Part], seconds: Seconds | None = None, last: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Writes these parts of people as they are now, all or nothing unless one commit cannot take them all.

        Raises:
            Unavailable, Misconfigured, BatchRefused: see `classified`.
        """
        seconds = seconds or until(time.monotonic() + TIMEOUT_SECONDS)
        self._put_nodes(parts, seconds)
        self._again_when_aborted(lambda: self._put_once(parts, seconds, last), seconds)

    def put_whole(self, subjects: Iterable[str], seconds: Seconds | None = None) -> None:
        parts = [Part(subject) for subject in subjects]
        for start in range(0, len(parts), WHOLE_AT_ONCE):
            self.put(parts[start : start + WHOLE_AT_ONCE], seconds)

    def _put_once(self, parts: Sequence[Part], seconds: Seconds, last: Sequence[dict[str, Any]]) -> None:
        if not parts:
            self._commit({"single_use_transaction": {"read_write": {}}}, [*last], seconds)
            return
        held = self._read(
            self._table(self.source.people), _keys(parts), {"begin": {"read_write": {}}}, seconds
        )
        transaction = {
            "transaction_id": held.metadata.transaction.id,
            "precommit_token": held.precommit_token,
        }
        known = {row.values[0].string_value for row in ResultSet.pb(held).rows}
        changes = [
            change for change in self.source.changes(parts)
            if not change.is_erased or change.subject_id in known
        ]  # fmt: skip
        if len(parts) > 1 and sum(change.mutations for change in changes) > spanner_tables.MOST_MUTATIONS:
            self._roll_back(transaction["transaction_id"], seconds)
            middle = len(parts) // 2
            self.put(parts[:middle], seconds)
            self.put(parts[middle:], seconds, last)
            return
        mutations = [mutation for change in changes for mutation in self.mutations(change)]
        self._commit(transaction, [*mutations, *last], seconds)

    def mutations(self, change: Change) -> Iterator[dict[str, Any]]:
        """In the order in which Spanner does them."""
        subject = [change.subject_id]
        if change.is_erased:
            yield {"delete": {"table": self.source.people, "key_set": {"keys": [subject]}}}
            return
        for table in change.emptied:
            everything = {"start_closed": subject, "end_closed": subject}
            yield {"delete": {"table": table, "key_set": {"ranges": [everything]}}}
        for table, keys in change.gone.items():
            yield {"delete": {"table": table, "key_set": {"keys": [_row(key) for key in keys]}}}
        for name, rows in change.rows.items():
            yield _written(self._table(name), rows)

    def _put_nodes(self, parts: Sequence[Part], seconds: Seconds) -> None:
        """Shared rows, before the edges that lead to them; what this process wrote before is left out."""
        fresh = {
            name: [row for row in rows if self._known.get((name, row[:1])) != row]
            for name, rows in self.source.nodes(parts).items()
        }
        written = [_written(self._table(name), rows) for name, rows in fresh.items() if rows]
        if not written:
            return
        self._again_when_aborted(
            lambda: self._commit({"single_use_transaction": {"read_write": {}}}, written, seconds), seconds
        )
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        self._known |= {(name, row[:1]): row for name, rows in fresh.items() for row in rows}

    def erase(self, subjects: Iterable[str]) -> None:
        """Removes these people with every row of theirs, and touches nobody else's; safe to repeat."""
        gone = {"delete": {"table": self.source.people, "key_set": {"keys": [[one] for one in subjects]}}}
        seconds = until(time.monotonic() + TIMEOUT_SECONDS)
        self._again_when_aborted(
            lambda: self._commit({"single_use_transaction": {"read_write": {}}}, [gone], seconds), seconds
        )

    def _again_when_aborted(self, work: Callable[[], None], seconds: Seconds) -> None:
        """Spanner lets the older of two transactions go first and has the other one try again."""
        pause = 0.01
        while True:
            try:
                work()
                return
            except exceptions.Aborted as error:
                rest = pause * (1 + random.random())  # noqa: S311
                if seconds() <= rest:
                    raise classified(error) from error
                time.sleep(rest)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except FAILURES as error:
                raise classified(error) from error

    def _commit(
        self, transaction: Mapping[str, Any], mutations: list[dict[str, Any]], seconds: Seconds
    ) -> None:
        request = {"mutations": mutations, **transaction}
        started = time.perf_counter()
        while True:
            answer = self.call(self.client.commit, request, seconds)
            if not answer.precommit_token.precommit_token:
                break
            request["precommit_token"] = answer.precommit_token  # not committed yet: said once more with this
        instruments.SPANNER_COMMIT.observe(time.perf_counter() - started)

    def _roll_back(self, transaction_id: bytes, seconds: Seconds) -> None:
        self.call(self.client.rollback, {"transaction_id": transaction_id}, seconds)

    def _read(
        self, table: Table, keys: Mapping[str, Any], transaction: Mapping[str, Any], seconds: Seconds
    ) -> Any:
        """Also the column that every write sets: Spanner locks cells, so a key alone would keep nobody from a row."""
        written = [column.name for column in table.columns if column.is_commit_time]
        columns = [*table.names[: table.key], *written]
        request = {"table": table.name, "columns": columns, "key_set": keys, "transaction": transaction}
        return self.call(self.client.read, request, seconds)

    def _table(self, name: str) -> Table:
        return next(table for table in spanner_tables.wanted(self.source) if table.name == name)


def _written(table: Table, rows: Sequence[Key]) -> dict[str, Any]:
    """Puts rows in place; all have as many columns as the first."""
    columns = table.names[: len(rows[0])]
    values = [_row(row) for row in rows]
    return {"insert_or_update": {"table": table.name, "columns": columns, "values": values}}


def _row(row: Key) -> list[Any]:
    return [encoded(value) for value in row]


def _keys(parts: Iterable[Part]) -> dict[str, Any]:
    return {"keys": [[subject] for subject in sorted({part.subject_id for part in parts})]}
