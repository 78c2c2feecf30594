"""Batches and people under trouble: whoever dies, waits, comes twice or comes late, the copy is right in the end."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from django.db import connection
from google.api_core import exceptions
from pytest_django import Settings

from capture import deliver
from capture.models import OutboxBatch, Sink
from capture.sinks import spanner_tables
from capture.sinks.base import (
    Acknowledged,
    Batch,
    BatchRefused,
    Misconfigured,
    OverQuota,
    Unavailable,
)
from capture.sinks.spanner import SpannerSink
from capture.sinks.spanner_answers import classified
from capture.sinks.spanner_tables import ACCOUNT
from leafloaf.lib import metering
from leafloaf.stack.services import REPOSITORY
from personalization.graph_copy.source import memory
from privacy.models import Subject
from tests.calls import Api, cart, interaction, order
from tests.spanner import stores
from tests.spanner.server import ABORTED, Spanner
from tests.spanner.test_same_graph import batches, delivered, pseudonym

Own = tuple[Spanner, SpannerSink]
STATUS = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (STATUS.UNAVAILABLE, Unavailable),
        (STATUS.DEADLINE_EXCEEDED, Unavailable),
        (STATUS.INTERNAL, Unavailable),
        (STATUS.RESOURCE_EXHAUSTED, OverQuota),
        (STATUS.PERMISSION_DENIED, Misconfigured),
        (STATUS.UNAUTHENTICATED, Misconfigured),
        (STATUS.FAILED_PRECONDITION, Misconfigured),
        (STATUS.NOT_FOUND, Misconfigured),
        (STATUS.INVALID_ARGUMENT, BatchRefused),
    ],
)
def test_each_answer_has_its_class(own_graph: Own, code: grpc.StatusCode, kind: type[Exception]) -> None:
    server, sink = own_graph
    server.fail("Commit", code)
    with pytest.raises(kind) as caught:
        sink.deliver(Batch("b1", "", []))
    assert type(caught.value) is kind


def test_a_missing_table_is_somebody_s_to_mend_and_no_row_s_fault(own_graph: Own, secret: Api) -> None:
    server, _ = own_graph
    del server.tables["Clicked"]
    secret.send(interaction(user_id="ann"))
    deliver.drain("spanner", is_final=True)
    assert OutboxBatch.objects.get().state == OutboxBatch.State.SEALED
    assert "Table not found: Clicked" in Sink.objects.get(name="spanner").last_error


def test_an_aborted_transaction_begins_anew_and_reads_anew(own_graph: Own, secret: Api) -> None:
    server, sink = own_graph
    server.fail("Commit", STATUS.ABORTED, times=3)
    secret.send(interaction(user_id="ann"))
    delivered()
    assert server.calls.count("Read") >= 2
    assert len(stores.everything(sink)["Clicked"]) == 1


def test_one_that_is_aborted_for_ever_is_tried_later(own_graph: Own) -> None:
    server, sink = own_graph
    server.fail("Commit", STATUS.ABORTED, times=10_000)
    with pytest.raises(Unavailable):
        sink.deliver(Batch("b1", "", [], sendable_until=time.monotonic() + 2))
    assert server.calls.count("Commit") > 2


def test_what_is_kept_of_a_failure_names_nobody(own_graph: Own, secret: Api, settings: Settings) -> None:
    server, sink = own_graph
    settings.OUTBOX_LEASE_SECONDS = 1
    secret.send(cart(user_id="ann", quantity=1))
    who = str(pseudonym("ann"))
    for code in (STATUS.ABORTED, STATUS.UNAVAILABLE, STATUS.FAILED_PRECONDITION):
        server.fail("Commit", code, times=10_000, said=ABORTED.format(who, "version", "Person"))
        Sink.objects.update(available_at=datetime.now(UTC))
        OutboxBatch.objects.update(available_at=datetime.now(UTC))
        deliver.drain("spanner", is_final=True)
        server.faults.clear()
        kept = [Sink.objects.get().last_error, *OutboxBatch.objects.values_list("first_error", "last_error")]
        assert who not in str(kept)
        assert Sink.objects.get().last_error
    said = ABORTED.format(who, "version", "Person")
    assert str(classified(exceptions.Aborted(said))) == "Aborted"
    server.fail("Commit", STATUS.ABORTED, times=10_000, said=said)
    with pytest.raises(Unavailable) as caught:
        sink.deliver(Batch("b1", "", [], sendable_until=time.monotonic() + 2))
    assert str(caught.value) in {"Aborted", "the lease ran out before everything was sent"}


def test_who_has_no_time_left_begins_nothing(own_graph: Own) -> None:
    server, sink = own_graph
    server.calls.clear()
    with pytest.raises(Unavailable, match="lease"):
        sink.deliver(Batch("b1", "", [], sendable_until=time.monotonic() - 1))
    assert server.calls == []


@pytest.mark.parametrize("is_done", [True, False])
def test_an_answer_that_was_lost_counts_nothing_twice(own_graph: Own, secret: Api, is_done: bool) -> None:
    server, sink = own_graph
    secret.send(*(cart(user_id="ann") for _ in range(3)))
    server.fail("Commit", STATUS.DEADLINE_EXCEEDED, is_done=is_done)
    deliver.drain("spanner", is_final=True)
    assert OutboxBatch.objects.get().state == OutboxBatch.State.SEALED
    Sink.objects.update(available_at=datetime.now(UTC))
    delivered()
    [added] = stores.everything(sink)["Added"]
    assert (added["times"], added["quantity"]) == (3, 6.0)


def test_a_session_that_the_server_forgot_is_made_anew(own_graph: Own, secret: Api) -> None:
    server, sink = own_graph
    secret.send(interaction(user_id="ann"))
    delivered()
    server.sessions.clear()
    secret.send(interaction(user_id="ann"))
    delivered()
    [clicked] = stores.everything(sink)["Clicked"]
    assert clicked["times"] == 2


def test_a_batch_that_is_in_is_not_written_again(own_graph: Own, secret: Api) -> None:
    server, sink = own_graph
    secret.send(interaction(user_id="ann"))
    delivered()
    before = server.mutations
    for batch in batches():
        sink.deliver(batch)
    assert server.mutations == before


def test_a_remade_batch_is_written_without_what_was_erased(own_graph: Own, secret: Api) -> None:
    _, sink = own_graph
    secret.send(interaction(user_id="ann"), interaction(user_id="ben"))
    delivered()
    [whole] = batches()
    left = [record for record in whole.records if record.user_id == str(pseudonym("ben"))]
    sink.deliver(Batch(whole.label, "", left, is_repeated=True, is_remade=True))
    [account] = [*sink.read(ACCOUNT, {"all_": True})]
    assert account["events"] == 1


def test_a_recount_knows_what_is_in(own_graph: Own, secret: Api) -> None:
    _, sink = own_graph
    secret.send(interaction(user_id="ann"), interaction(session_id="a visit"))
    delivered()
    [there] = batches()
    asked = [
        Acknowledged(label, "", datetime.now(UTC).date(), 2, lambda: None)
        for label in (there.label, "spanner-99")
    ]
    found = sink.recount(asked)
    assert {label: (one.held, one.doubled) for label, one in found.items()} == {
        there.label: (2, 0),
        "spanner-99": (0, 0),
    }


def test_more_than_one_commit_takes_goes_in_several(
    own_graph: Own, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, sink = own_graph
    monkeypatch.setattr(spanner_tables, "MOST_MUTATIONS", 60)
    items = [{"product_id": f"sku-{number}", "quantity": 1, "price": 1} for number in range(7)]
    secret.send(*(order(user_id=f"u{number}", items=items) for number in range(9)))
    delivered()
    held = stores.everything(sink)
    assert len(held["Bought"]) == 9 * 7
    assert len(held["Person"]) == 9
    assert server.calls.count("Commit") > 5
    [account] = [*sink.read(ACCOUNT, {"all_": True})]
    assert account["events"] == 9


def test_the_commit_is_timed(own_graph: Own, secret: Api) -> None:
    def commits() -> float:
        name = "leafloaf_spanner_commit_seconds_count"
        return metering.registry.get_sample_value(name) or 0.0

    before = commits()
    secret.send(interaction(user_id="ann"))
    delivered()
    assert commits() > before


class Held:
    """A source that waits where it has read what is remembered, until it is told to go on."""

    def __init__(self) -> None:
        self.has_read, self.may_go_on = threading.Event(), threading.Event()
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(memory, name)

    def changes(self, parts: Any) -> Any:
        found = memory.changes(parts)
        self.reads += 1
        if self.reads == 1:
            self.has_read.set()
            assert self.may_go_on.wait(60)
        return found


def frozen(sink: SpannerSink, meanwhile: Callable[[], None]) -> None:
    """A worker delivers the first batch and is held up between reading and committing; others go on."""
    slow = SpannerSink(*sink.options)
    held = Held()
    slow.__dict__["source"] = held
    [batch] = batches()[:1]
    worker = threading.Thread(target=slow.deliver, args=(Batch("late", "", batch.records),))
    worker.start()
    assert held.has_read.wait(60)
    meanwhile()
    held.may_go_on.set()
    worker.join(60)
    assert not worker.is_alive()
    assert held.reads >= 2


def test_a_worker_that_was_frozen_writes_nothing_older_than_what_is_there(
    own_graph: Own, secret: Api
) -> None:
    _, sink = own_graph
    secret.send(cart(user_id="ann", quantity=1))
    delivered()

    def meanwhile() -> None:
        secret.send(cart(user_id="ann", quantity=1))
        delivered()

    frozen(sink, meanwhile)
    [added] = stores.everything(sink)["Added"]
    assert added["times"] == 2


def test_nobody_who_is_erased_meanwhile_comes_back(own_graph: Own, secret: Api) -> None:
    _, sink = own_graph
    secret.send(cart(user_id="ann", quantity=1), cart(user_id="ben", quantity=1))
    delivered()
    subject = pseudonym("ann")

    def meanwhile() -> None:
        Subject.objects.filter(pk=subject).update(state=Subject.State.FENCED)
        sink.erase([str(subject)])

    frozen(sink, meanwhile)
    assert stores.of(sink, subject) == {}
    assert stores.of(sink, pseudonym("ben"))["Added"]


def test_many_workers_at_once_and_events_meanwhile_leave_what_postgres_has(
    graph: SpannerSink, secret: Api
) -> None:
    for _ in range(4):
        secret.send(*(cart(user_id=f"u{number % 3}", product_id="milk", quantity=1) for number in range(6)))
        delivered()
    known, failures = batches(), []

    def work(seed: int) -> None:
        try:
            for place, batch in enumerate(random.Random(seed).sample(known, len(known))):  # noqa: S311
                graph.deliver(Batch(f"{seed}-{place}", "", batch.records))
        except Exception as error:  # noqa: BLE001 (told by the test)
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    secret.send(*(cart(user_id=f"u{number}", product_id="milk", quantity=1) for number in range(3)))
    for worker in workers:
        worker.join(60)
    delivered()
    assert failures == []
    assert [row["times"] for row in stores.everything(graph)["Added"]] == [9, 9, 9]


DELIVER = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "leafloaf.settings"
import django; django.setup()
from capture import deliver, sinks
from capture.sinks import spanner
commit = spanner.SpannerSink._commit
def held(self, *given):
    if MOMENT == "before": print("there", flush=True); time.sleep(600)
    commit(self, *given)
    if MOMENT == "after": print("there", flush=True); time.sleep(600)
spanner.SpannerSink._commit = held
deliver.drain("spanner", is_final=True)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_around_its_commit_counts_nothing_twice(
    graph: SpannerSink, secret: Api, settings: Settings, moment: str
) -> None:
    secret.send(*(cart(user_id="ann", quantity=1) for _ in range(4)), cart(user_id="ben", quantity=1))
    project, instance, database, endpoint, _ = graph.options
    own = {
        "ENABLE_SPANNER": "true", "SPANNER_PROJECT": project, "SPANNER_INSTANCE": instance,
        "SPANNER_DATABASE": database, "SPANNER_ENDPOINT": endpoint,
        "DATABASE_URL": _database_url(),
    }  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-c", f"MOMENT = {moment!r}\n{DELIVER}"],
        cwd=REPOSITORY, env=os.environ | own, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert worker.stdout is not None
    assert worker.stdout.readline() == "there\n"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    OutboxBatch.objects.filter(state=OutboxBatch.State.SENDING).update(
        leased_until=datetime.now(UTC) - timedelta(seconds=1)
    )
    delivered()
    held = stores.everything(graph)
    assert sorted(row["times"] for row in held["Added"]) == [1, 4]
    assert [row["events"] for row in graph.read(ACCOUNT, {"all_": True})] == [5]


def _database_url() -> str:
    told = connection.settings_dict
    return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**told)
