"""A person's events leave the log, and everything that says they were there; everybody else's stay."""

import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from capture import ledger, reconcile, retention, seal
from capture.event_keys import key_of
from capture.holders import log as log_holder
from capture.holders import theirs
from capture.holders.log import EventLogHolder
from capture.models import DeadLetter, Event, EventKey, LedgerDay, Notice, OutboxBatch, Sink
from leafloaf.stack.services import REPOSITORY
from privacy.holders import NotNow, Presence, Purged, Scope
from tests.capture import erasing
from tests.capture.erasing import (
    THREE,
    assert_sound,
    drained,
    emptied,
    erase,
    erase_to_the_end,
    held,
    in_every_state,
    logged,
    mix,
    rested,
    say,
    scope,
    slow,
    subject,
    task,
)
from tests.config import application

PIECE = 3


@pytest.fixture(autouse=True)
def three(log: None, settings: Settings) -> None:
    """Three sinks that cut the log into batches of different sizes."""
    settings.SINKS = THREE
    emptied()


# Whose events they are


def test_a_visit_is_somebodys_who_signed_in_during_it_alone() -> None:
    say("ann", "e-1", "hers")
    say(None, "e-2", "hers")
    say("ann", "e-3", "shared")
    say("bob", "e-4", "shared")
    say(None, "e-5", "nobody's")
    say("ann", "e-6")
    assert EventLogHolder().sessions(subject()) == ["hers"]
    assert EventLogHolder().sessions(uuid4()) == []


def test_anonymous_events_of_the_visit_go_too_and_those_of_a_shared_one_stay() -> None:
    say("ann", "e-1", "hers")
    say(None, "e-2", "hers")
    say("ann", "e-3", "shared")
    say("bob", "e-4", "shared")
    say(None, "e-5", "shared")
    assert erase(scope())[1].presence == Presence.ABSENT
    assert sorted(logged()) == ["e-4", "e-5"]


def test_the_plan_counts_exactly_and_changes_nothing() -> None:
    in_every_state()
    before = list(OutboxBatch.objects.values()), logged()
    plan = EventLogHolder().plan(scope())
    assert (plan.rows, plan.of) == (12, 36)
    assert plan.details["days"] == [str(datetime.now(UTC).date())]
    assert plan.details["dead_letters"] == 3
    json.dumps(plan.details)
    assert (list(OutboxBatch.objects.values()), logged()) == before


def test_a_large_log_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    mix()
    monkeypatch.setattr(log_holder, "COUNTED", 5)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE capture_event")
    assert EventLogHolder().plan(scope()).of == 12


def test_the_batches_that_have_a_persons_events_are_found() -> None:
    in_every_state()
    by_sink = {
        name: [(one.sequence, one.event_ids) for one in theirs.batches(scope(), name)] for name in THREE
    }
    assert by_sink["small"][:2] == [(1, ["ann-0"]), (2, ["ann-3"])]
    assert by_sink["middle"][:3] == [(1, ["ann-0", "ann-3", "ann-6"]), (2, ["ann-9"]), (3, ["ann-3"])]
    assert by_sink["large"][-1][1] == ["ann-12"], (
        "the replay batch spans others of hers, and has only this one"
    )


# What is left when they are gone


@pytest.mark.parametrize("piece", [1, PIECE, 100])
def test_in_whatever_state_their_batches_are(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(log_holder, "AT_ONCE", piece)
    in_every_state()
    others = Counter(event_id for event_id in logged() if not event_id.startswith("ann"))
    hers = theirs.count(scope())
    purged, finding = erase(scope())
    assert hers == 12
    assert finding.presence == Presence.ABSENT, finding
    assert purged.again_at is not None, "a batch is being sent"
    assert logged() == others
    assert not DeadLetter.objects.filter(event_id__startswith="ann").exists()
    assert DeadLetter.objects.count() == 3
    assert_sound()
    rested()
    OutboxBatch.objects.filter(state="blocked").update(state="sealed")
    drained()
    assert OutboxBatch.objects.exclude(state="delivered").count() == 0
    assert_sound()
    dead = set(DeadLetter.objects.filter(state="dead", sink="middle").values_list("event_id", flat=True))
    for name in THREE:
        arrived = {event_id for event_id in held(name) if not event_id.startswith("ann")}
        assert arrived == set(others) - (dead if name == "middle" else set()), name
        assert max(held(name).values()) == 1


def test_again_changes_nothing() -> None:
    in_every_state()
    erase(scope())
    before = list(OutboxBatch.objects.order_by("id").values()), list(Sink.objects.order_by("name").values())
    assert erase(scope())[1].presence == Presence.ABSENT
    assert (
        list(OutboxBatch.objects.order_by("id").values()),
        list(Sink.objects.order_by("name").values()),
    ) == before


def test_what_goes_is_what_the_export_gives_away() -> None:
    in_every_state()
    exported = list(EventLogHolder().export(scope()))
    events, letters = logged(), set(DeadLetter.objects.values_list("sink", "event_id"))
    erase(scope())
    gone = events - logged()
    assert sorted(row["event_id"] for name, row in exported if name != "events/refused") == sorted(gone)
    assert {
        (row["sink"], row["event_id"]) for name, row in exported if name == "events/refused"
    } == letters - set(DeadLetter.objects.values_list("sink", "event_id"))
    assert {name for name, _ in exported} <= set(EventLogHolder().fields())
    json.dumps(exported)


def test_an_exported_event_says_all_that_the_log_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs, "AT_ONCE", 2)
    say("ann", "e-0", "hers")
    for number in range(1, 5):
        say("ann", f"e-{number}")
    exported = list(EventLogHolder().export(scope()))
    assert [row["event_id"] for _, row in exported] == [f"e-{number}" for number in range(5)]
    name, row = exported[0]
    assert (name, row["session_id"], row["subject_id"]) == ("events/search", "hers", str(subject()))
    assert row["payload"]["query"] == "milk for ann"
    assert set(row) == {field.name for field in Event._meta.fields} - {"id", "xid"} | {"position"}
    assert "query" in EventLogHolder().fields()["events/search"]


def test_their_event_ids_stay_taken_and_say_nothing_more() -> None:
    mix(0, 3)
    before = dict(EventKey.objects.values_list("key", "digest"))
    erase(scope())
    after = dict(EventKey.objects.values_list("key", "digest"))
    hers = UUID(bytes=key_of("ann-0"))
    assert after == before | {hers: UUID(int=0)}
    assert before[hers].int


def test_only_what_was_received_before_a_moment() -> None:
    mix(0, 6)
    limit = datetime.now(UTC)
    mix(6, 6)
    drained()
    exported = [row["event_id"] for _, row in EventLogHolder().export(scope(before=limit))]
    assert erase(scope(before=limit)) == (Purged(), EventLogHolder().verify(task(scope(before=limit))))
    assert exported == ["ann-0", "ann-3"]
    assert sorted(event_id for event_id in logged() if event_id.startswith("ann")) == ["ann-6", "ann-9"]
    assert_sound()


def test_a_recount_afterwards_finds_everything_whole_and_sends_nothing_again() -> None:
    mix(0, 30)
    drained()
    erase(scope())
    for name in THREE:
        before = reconcile.everything(name, min_age=timedelta(0))
        assert (before.lost, before.incomparable) == ({}, 0)
        for documents in slow(name).batches.values():
            documents[:] = [one for one in documents if not one["event_id"].startswith("ann")]
        after = reconcile.everything(name, min_age=timedelta(0))
        assert (after.lost, after.incomparable, after.held, after.owed) == ({}, 0, 20, 20)
    assert not OutboxBatch.objects.exclude(state="delivered").exists()


def test_a_batch_that_is_emptied_is_settled_counted_and_pruned(settings: Settings) -> None:
    for number in range(3):
        say("ann", f"ann-{number}")
    say("bob", "bob-1")
    seal.due("small", is_final=True)
    drained()
    day = datetime.now(UTC).date()
    erase(scope())
    mix(10, 3)
    for number in range(3):
        say("ann", f"more-{number}")
    seal.due("small", is_final=True)
    erase(scope())
    drained()
    empty = OutboxBatch.objects.filter(sink="small", count=0)
    assert [batch.state for batch in empty] == ["delivered", "delivered"]
    assert reconcile.everything("small", min_age=timedelta(0)).lost == {}
    assert_sound()
    pruned = retention.prune(datetime.now(UTC) + timedelta(days=settings.RAW_EVENT_RETENTION_DAYS + 2))
    assert day in pruned.dropped
    assert not OutboxBatch.objects.exists()


def test_days_that_are_not_counted_any_more_are_brought_down() -> None:
    mix()
    drained()
    ledger.close()
    past = datetime.now(UTC).date() - timedelta(days=30)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE capture_event SET received_at = received_at - interval '30 days'")
    OutboxBatch.objects.update(day=past)
    LedgerDay.objects.update(day=past, discarded=2, delivered=10)
    erase(scope())
    for account in LedgerDay.objects.all():
        assert (account.captured, account.delivered, account.discarded) == (8, 6, 2)
        assert account.difference == 0
    assert {batch.count for batch in OutboxBatch.objects.filter(sink="large")} == {8}


def test_an_account_that_had_not_all_of_them_still_closes() -> None:
    mix(0, 3)
    ledger.close()
    mix(3, 30)
    drained()
    erase(scope())
    for account in LedgerDay.objects.all():
        assert (account.captured, account.difference) == (0, 0)
    assert [account.captured for account in ledger.close()] == [22, 22, 22]


def test_what_the_log_had_lost_before_stays_lost() -> None:
    mix()
    drained()
    Event.objects.filter(event_id="bob-1").delete()
    purged, finding = erase(scope())
    assert (purged, finding.presence) == (Purged(), Presence.ABSENT)
    broken = OutboxBatch.objects.filter(checksum="")
    assert sorted((batch.sink, batch.sequence) for batch in broken) == [
        ("large", 1),
        ("middle", 1),
        ("small", 1),
    ]
    assert reconcile.everything("large", min_age=timedelta(0)).lost == {}
    assert {account.difference for account in ledger.close()} == {-1}


def test_nobody_erases_from_a_log_that_is_another_clusters() -> None:
    mix()
    Notice.objects.create(kind="future log", sentence="It is another cluster's.")
    with pytest.raises(NotNow):
        erase(scope())
    assert logged().total() == 12


def test_a_reader_finds_what_erasing_left_behind() -> None:
    in_every_state()
    planned = task(scope())
    sealed = OutboxBatch.objects.get(sink="large", sequence=1)
    EventLogHolder().erase([planned])
    OutboxBatch.objects.filter(id=sealed.id).update(count=sealed.count, checksum=sealed.checksum)
    DeadLetter.objects.create(
        batch=sealed, sink="large", day=sealed.day, event_id="ann-0", event_type="search"
    )
    finding = EventLogHolder().verify(planned)
    assert (finding.presence, finding.found) == (Presence.PRESENT, 2)
    say("ann", "late")
    assert EventLogHolder().verify(planned).found == 3


# Whoever dies half-way

ERASE_SLOWLY = """
import django
django.setup()
import sys
from django.conf import settings
from capture import remake
from capture.holders import log
from privacy.holders import Plan, Scope, Task
from tests.capture.erasing import THREE
from uuid import UUID
from datetime import datetime, UTC
settings.SINKS = THREE
log.AT_ONCE = 3
whole = remake._take_off
def slowly(*arguments):
    print("half-way", flush=True)
    sys.stdin.readline()
    whole(*arguments)
    print("nearly", flush=True)
    sys.stdin.readline()
remake._take_off = slowly
scope = Scope(UUID(sys.argv[1]))
log.EventLogHolder().erase([Task(scope, Plan(0), datetime.now(UTC))])
"""


def test_whoever_is_killed_leaves_whole_pieces_and_the_next_one_ends_the_same(tmp_path: Path) -> None:
    in_every_state()
    rested()
    drained()
    of = Scope(subject())
    planned = task(of)
    environment = application.environment(tmp_path, DJANGO_SETTINGS_MODULE="leafloaf.settings")
    left = [theirs.count(of)]
    for lines in (1, 2, 3, 4):
        process = subprocess.Popen(
            [sys.executable, "-c", ERASE_SLOWLY, str(of.subject_id)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        for line in range(lines):
            if line:
                process.stdin.write(b"\n")
                process.stdin.flush()
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()
        left.append(theirs.count(of))
        assert_sound()
        erasing.assert_the_account_closes()
    assert left == [12, 12, 12, 9, 6]
    assert EventLogHolder().erase([planned]) == [Purged()]
    assert EventLogHolder().verify(planned).presence == Presence.ABSENT
    assert_sound()
    assert logged().total() == 24
    assert erase_to_the_end(scope("bob")).presence == Presence.ABSENT
