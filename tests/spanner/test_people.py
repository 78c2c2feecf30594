"""What a person does not allow is not in the copy; who is erased is gone from it, and nobody else loses anything."""

import threading
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from capture import deliver, sinks
from capture.holders.spanner import SAID, SpannerHolder
from capture.models import Sink
from capture.sinks import spanner_calls
from capture.sinks.base import BatchRefused
from capture.sinks.spanner import SpannerSink
from personalization import tasks
from personalization.graph_copy import drawing, tables
from personalization.models import GraphDebt, Profile
from personalization.signals import erasing
from personalization.signals.marks import Signal
from privacy import consent
from privacy.erasure import certificate, machine, requests
from privacy.holders import NeedsAttention, NotNow, Plan, Presence, Scope, Task
from privacy.models import Actor, DeletionRequest, DeletionStep, Subject
from tests.calls import Api, cart, interaction, order
from tests.personalization.remembering import remember
from tests.privacy.calls import patch
from tests.spanner import stores
from tests.spanner.server import Spanner
from tests.spanner.test_same_graph import a_life, delivered, pseudonym

Own = tuple[Spanner, SpannerSink]
holder = SpannerHolder()


def task(subject: UUID, **limits: Any) -> Task:
    scope = Scope(subject, **limits)
    return Task(scope, Plan(0), datetime.now(UTC))


def shop(secret: Api, *users: str) -> None:
    for user in users:
        secret.send(*a_life(user, 15))
    delivered()
    drawing.draw()


def bytes_of(sink: SpannerSink) -> dict[str, list[dict[str, Any]]]:
    """Everything there is, moments included."""
    return {table.name: [*sink.read(table, {"all_": True})] for table in sink.source.tables}


def test_who_is_erased_is_gone_and_everybody_else_is_as_before_bit_for_bit(
    graph: SpannerSink, secret: Api
) -> None:
    shop(secret, "ann", "ben", "cat")
    subject, before = pseudonym("ann"), bytes_of(graph)
    plan = holder.plan(Scope(subject))
    mine = [row for rows in before.values() for row in rows if row["subject_id"] == str(subject)]
    assert plan.rows == len(mine) > 5
    assert [row for _, row in holder.export(Scope(subject))]
    assert holder.verify(task(subject)).presence == Presence.PRESENT
    Subject.objects.filter(pk=subject).update(state=Subject.State.FENCED)
    assert [one.again_at for one in holder.erase([task(subject)])] == [None]
    assert bytes_of(graph) == {
        table: [row for row in rows if row["subject_id"] != str(subject)] for table, rows in before.items()
    }
    found = holder.verify(task(subject))
    assert (found.presence, found.found) == (Presence.ABSENT, 0)
    assert found.residual_until is not None
    assert [one.again_at for one in holder.erase([task(subject)])] == [None]


def test_a_deletion_request_takes_the_graph_away_and_says_so(
    graph: SpannerSink, secret: Api, settings: Settings
) -> None:
    settings.DATA_HOLDERS = {
        name: path for name, path in settings.DATA_HOLDERS.items()
        if name in ("events", "spanner", "profiles", "privacy")
    }  # fmt: skip
    shop(secret, "ann", "ben")
    ann, others = pseudonym("ann"), stores.of(graph, pseudonym("ben"))
    rows = holder.plan(Scope(ann)).rows
    request = requests.open_for("ann", Actor.USER, timedelta(0))
    machine.advance_all(until_quiet=True)
    step = DeletionStep.objects.get(request=request, holder="spanner")
    assert (step.state, step.planned) == (DeletionStep.State.ABSENT, rows)
    assert DeletionRequest.objects.get(pk=request.pk).state == DeletionRequest.State.CERTIFIED
    assert "Every table of the graph was read again" in str(certificate.said_of(step))
    assert stores.of(graph, ann) == {}
    assert stores.of(graph, pseudonym("ben")) == others
    assert drawing.draw() == 0


def test_export_is_what_erasure_removes_and_every_file_is_explained(graph: SpannerSink, secret: Api) -> None:
    shop(secret, "ann")
    subject = pseudonym("ann")
    exported = [name for name, _ in holder.export(Scope(subject))]
    assert len(exported) == holder.plan(Scope(subject)).rows
    assert set(exported) <= holder.fields().keys()
    assert SAID.keys() == {table.name for table in tables.OF_PEOPLE}


def test_a_retention_leaves_it_to_what_is_remembered(graph: SpannerSink, secret: Api) -> None:
    shop(secret, "ann")
    before = bytes_of(graph)
    limited = task(pseudonym("ann"), before=datetime.now(UTC))
    assert holder.plan(limited.scope).rows == 0
    holder.erase([limited])
    assert holder.verify(limited).presence == Presence.ABSENT
    assert list(holder.export(limited.scope)) == []
    assert bytes_of(graph) == before


def test_who_allows_no_personalization_has_nothing_there(graph: SpannerSink, secret: Api) -> None:
    patch(secret, {"personalization_enabled": False}, "ann")
    secret.send(*a_life("ann", 8), interaction(user_id="ben"))
    delivered()
    assert stores.of(graph, pseudonym("ann")) == {}
    assert stores.of(graph, pseudonym("ben"))


def test_what_was_done_while_it_was_off_is_not_there_although_it_is_on_when_the_batch_goes(
    graph: SpannerSink, secret: Api
) -> None:
    patch(secret, {"personalization_enabled": False}, "ann")
    secret.send(cart(user_id="ann", product_id="milk"))
    patch(secret, {"personalization_enabled": True}, "ann")
    secret.send(cart(user_id="ann", product_id="tea"))
    delivered()
    assert [row["product_id"] for row in stores.of(graph, pseudonym("ann"))["Added"]] == ["tea"]


def test_who_changes_their_mind_is_gone_within_one_run(graph: SpannerSink, secret: Api) -> None:
    shop(secret, "ann", "ben")
    subject, other = pseudonym("ann"), stores.of(graph, pseudonym("ben"))
    patch(secret, {"personalization_enabled": False}, "ann")
    assert stores.of(graph, subject)
    assert drawing.settle_if_on() == 1
    assert stores.of(graph, subject) == {}
    assert stores.of(graph, pseudonym("ben")) == other
    assert not GraphDebt.objects.exists()
    assert drawing.settle_if_on() == 0


def test_purchases_leave_when_they_may_not_be_kept(graph: SpannerSink, secret: Api) -> None:
    shop(secret, "ann")
    assert {"Bought", "FrequentlyBuys"} <= stores.of(graph, pseudonym("ann")).keys()
    patch(secret, {"features": {"purchase_history": False}}, "ann")
    drawing.settle()
    held = stores.of(graph, pseudonym("ann"))
    assert held["Viewed"]
    assert not held.keys() & {"Bought", "FrequentlyBuys", "BoughtWith", "ReorderCycle"}
    secret.send(order(user_id="ann"), cart(user_id="ann", product_id="milk"))
    delivered()
    assert "Bought" not in stores.of(graph, pseudonym("ann"))


def test_what_is_owed_while_spanner_is_away_stays_owed(own_graph: Own, secret: Api) -> None:
    server, sink = own_graph
    shop(secret, "ann")
    patch(secret, {"personalization_enabled": False}, "ann")
    server.fail("Read", grpc.StatusCode.UNAVAILABLE)
    assert drawing.settle_if_on() == 0
    assert GraphDebt.objects.count() == 1
    assert drawing.settle_if_on() == 1
    assert stores.of(sink, pseudonym("ann")) == {}


def test_who_changes_their_mind_again_meanwhile_is_done_again(
    own_graph: Own, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sink = own_graph
    shop(secret, "ann")
    subject = pseudonym("ann")
    consent.change(subject, {"purchase_history": False}, Actor.USER)
    put = sink.put_whole

    def meanwhile(subjects: Any, *rest: Any) -> None:
        put(subjects, *rest)
        consent.change(subject, {"personalization_enabled": False}, Actor.USER)

    monkeypatch.setattr(sink, "put_whole", meanwhile)
    drawing.settle()
    assert GraphDebt.objects.count() == 1


def test_nothing_is_owed_where_there_is_no_spanner(memory: object, secret: Api) -> None:
    patch(secret, {"personalization_enabled": False}, "ann")
    assert not GraphDebt.objects.exists()
    assert drawing.settle_if_on() == drawing.draw_if_on() == 0
    with pytest.raises(CommandError, match="ENABLE_SPANNER"):
        call_command("draw_graph")
    with pytest.raises(CommandError, match="ENABLE_SPANNER"):
        call_command("setup_spanner")


def test_the_night_writes_who_is_missing_and_removes_who_is_not_remembered(
    graph: SpannerSink, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "AT_ONCE", 2)
    monkeypatch.setattr(drawing, "MOST_ROWS", 2)
    now = timezone.now()
    for number in range(5):
        remember(now, {"milk": [(Signal.PURCHASE, 3)]}, f"u{number}")
    strangers = [str(UUID(int=0)), str(uuid4()), str(UUID(int=2**128 - 1))]
    nothing = {"start_closed": [""], "end_closed": ["g"]}
    for stranger in strangers:
        row = {"insert": {"table": "Person", "columns": ["subject_id", "version", "written_at", "forget_at"],
               "values": [[stranger, "1", "spanner.commit_timestamp()", "2030-01-01T00:00:00Z"]]}}  # fmt: skip
        graph._commit({"single_use_transaction": {"read_write": {}}}, [row], lambda: 10.0)
    assert drawing.draw() == 8
    there = {row["subject_id"] for row in graph.read(tables.PERSON, {"ranges": [nothing]})}
    assert there == {str(pseudonym(f"u{number}")) for number in range(5)}
    assert drawing.draw() == 0
    Profile.objects.filter(subject_id=pseudonym("u1")).update(version=6)
    said = StringIO()
    call_command("draw_graph", stdout=said)
    assert said.getvalue() == "the graph of 1 people drawn anew or removed\n"


@pytest.mark.parametrize(
    ("code", "presence"),
    [
        (grpc.StatusCode.UNAVAILABLE, Presence.UNREACHABLE),
        (grpc.StatusCode.PERMISSION_DENIED, Presence.FORBIDDEN),
        (grpc.StatusCode.INVALID_ARGUMENT, Presence.UNSUPPORTED),
    ],
)
def test_who_could_not_be_read_is_not_said_to_be_gone(own_graph: Own, code: Any, presence: Presence) -> None:
    server, _ = own_graph
    server.fail("Read", code)
    assert holder.verify(task(uuid4())).presence == presence
    server.fail("Commit", code)
    with pytest.raises((NotNow, NeedsAttention)) as caught:
        holder.erase([task(uuid4())])
    assert "subject" not in str(caught.value)


def test_one_that_is_switched_off_is_still_asked_and_one_without_settings_is_never_empty(
    own_graph: Own, secret: Api, settings: Settings
) -> None:
    _, _ = own_graph
    shop(secret, "ann")
    settings.ENABLE_SPANNER = False
    settings.SINKS = {}
    assert holder.is_on()
    assert holder.verify(task(pseudonym("ann"))).presence == Presence.PRESENT
    settings.SPANNER_OPTIONS = settings.SPANNER_OPTIONS | {"project": "", "instance": ""}
    assert holder.verify(task(pseudonym("ann"))).presence == Presence.UNREACHABLE
    with pytest.raises(NotNow):
        holder.erase([task(pseudonym("ann"))])
    Sink.objects.update(state=Sink.State.OFF)
    with pytest.raises(NeedsAttention):
        holder.plan(Scope(pseudonym("ann")))


def test_one_that_was_never_used_is_off(log: None, settings: Settings) -> None:
    assert not settings.ENABLE_SPANNER
    assert not holder.is_on()
    assert "spanner" not in settings.SINKS
    assert not sinks.is_enabled("spanner")
    assert deliver.drain("spanner") == 0


def test_edges_say_when_they_are_forgotten(graph: SpannerSink, secret: Api) -> None:
    at = timezone.now() - timedelta(days=4)
    viewed = {"interaction_type": "product_view", "product_id": "milk", "timestamp": at.isoformat()}
    secret.send(interaction(user_id="ann", **viewed), cart(user_id="ann", timestamp=at.isoformat()))
    delivered()
    held = stores.of(graph, pseudonym("ann"))
    assert abs(held["Viewed"][0]["forget_at"] - at - timedelta(days=30)) < timedelta(seconds=2)
    assert abs(held["Added"][0]["forget_at"] - at - timedelta(days=90)) < timedelta(seconds=2)
    assert held["Person"][0]["forget_at"] > timezone.now() + timedelta(days=179)


def withdrawn(*users: str) -> None:
    """Something of each is remembered, and each has changed their mind about it."""
    for user in users:
        remember(timezone.now(), {"milk": [(Signal.PURCHASE, 3)]}, user)
        consent.change(pseudonym(user), {"purchase_history": False}, Actor.USER)


def test_a_household_withdrawn_while_spanner_is_off_leaves_when_it_is_on_again(
    own_graph: Own, secret: Api, settings: Settings
) -> None:
    _, sink = own_graph
    weekly = [(Signal.PURCHASE, 7 * week) for week in range(1, 11)]
    remember(timezone.now(), {f"p{number}": weekly for number in range(42)}, "ann")
    subject, on = pseudonym("ann"), settings.SINKS
    consent.change(subject, {"household_inference": True}, Actor.USER)
    drawing.settle()
    assert stores.of(sink, subject)["Person"][0]["household_size"]
    settings.ENABLE_SPANNER, settings.SINKS = False, {}
    consent.change(subject, {"household_inference": False}, Actor.USER)
    assert drawing.settle_if_on() == 0
    settings.ENABLE_SPANNER, settings.SINKS = True, on
    assert drawing.settle_if_on() == 1
    assert stores.of(sink, subject)["Person"][0]["household_size"] is None


def test_a_household_withdrawn_unheard_is_gone_in_the_morning(
    own_graph: Own, secret: Api, settings: Settings
) -> None:
    _, sink = own_graph
    weekly = [(Signal.PURCHASE, 7 * week) for week in range(1, 11)]
    remember(timezone.now(), {f"p{number}": weekly for number in range(42)}, "ann")
    subject = pseudonym("ann")
    consent.change(subject, {"household_inference": True}, Actor.USER)
    drawing.settle()
    consent.change(subject, {"household_inference": False}, Actor.USER)
    GraphDebt.objects.all().delete()
    assert drawing.draw() == 1
    assert stores.of(sink, subject)["Person"][0]["household_size"] is None


def test_who_was_drawn_and_never_sent_an_event_is_still_found_when_it_is_off(
    own_graph: Own, secret: Api, settings: Settings
) -> None:
    remember(timezone.now(), {"milk": [(Signal.PURCHASE, 3)]}, "ann")
    Sink.objects.all().delete()
    assert drawing.draw() == 1
    settings.ENABLE_SPANNER, settings.SINKS = False, {}
    assert holder.is_on()
    assert holder.verify(task(pseudonym("ann"))).presence == Presence.PRESENT


def test_a_spanner_that_hangs_holds_one_thread_of_a_worker(own_graph: Own, secret: Api) -> None:
    server, _ = own_graph
    withdrawn("ann")
    with server.lock:
        first = threading.Thread(target=tasks.settle_graph)
        first.start()
        while not tasks._settling.locked():
            time.sleep(0.01)
        tasks.settle_graph()
        assert first.is_alive()
    first.join(60)
    assert not GraphDebt.objects.exists()
    assert not tasks._settling.locked()


def test_a_run_that_has_no_time_left_leaves_the_rest_to_the_next(
    own_graph: Own, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sink = own_graph
    withdrawn(*(f"u{number}" for number in range(6)))
    put = sink.put_whole

    def slow(subjects: Any, seconds: Any) -> None:
        put(subjects, seconds)
        time.sleep(seconds() + 0.05)

    monkeypatch.setattr(drawing, "SETTLE_SECONDS", 5.0)
    with monkeypatch.context() as slowly:
        slowly.setattr(sink, "put_whole", slow)
        assert drawing.settle_if_on() == 0
    assert GraphDebt.objects.count() == 2
    assert drawing.settle_if_on() == 2


def test_one_person_whom_spanner_refuses_holds_nobody_else_up(
    own_graph: Own, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sink = own_graph
    users = [f"u{number}" for number in range(9)]
    for user in users:
        remember(timezone.now(), {"tea": [(Signal.VIEW, 3)]}, user)
    poor, put = str(pseudonym("u4")), sink.put

    def refusing(parts: Any, *rest: Any) -> None:
        if poor in {part.subject_id for part in parts}:
            raise BatchRefused("as the test wants it")
        put(parts, *rest)

    with monkeypatch.context() as refused:
        refused.setattr(sink, "put", refusing)
        assert drawing.draw() == 8
        for user in users:
            consent.change(pseudonym(user), {"purchase_history": False}, Actor.USER)
        assert drawing.settle_if_on() == 8
        assert [str(one.subject_id) for one in GraphDebt.objects.all()] == [poor]
    assert drawing.settle_if_on() == 1
    assert drawing.draw() == 0


def test_what_is_owed_by_the_copy_is_of_the_person_and_read_again(db: None) -> None:
    subject = pseudonym("ann")
    GraphDebt.objects.create(subject_id=subject)
    assert erasing.left(subject) == 1
    assert erasing.erase(subject) == 1
    assert erasing.left(subject) == 0


def test_a_database_that_keeps_more_says_until_when(own_graph: Own) -> None:
    server, _ = own_graph
    asked = task(uuid4())
    purged = Task(asked.scope, asked.plan, asked.purge_started_at, asked.purge_started_at)
    assert holder.verify(purged).residual_until == purged.purged_at + timedelta(hours=1)  # type: ignore[operator]
    server.kept = "7d"
    assert holder.verify(purged).residual_until == purged.purged_at + timedelta(days=7)  # type: ignore[operator]


def test_more_rows_than_one_answer_takes_are_read_page_by_page(
    graph: SpannerSink, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(secret, "ann", "ben")
    subject, plan = pseudonym("ann"), holder.plan(Scope(pseudonym("ann")))
    before = stores.of(graph, subject)
    monkeypatch.setattr(spanner_calls, "PAGE", 1)
    assert max(len(rows) for rows in before.values()) > 2
    assert stores.of(graph, subject) == before
    assert holder.plan(Scope(subject)) == plan


def test_a_person_of_many_products_is_planned_and_exported(
    own_graph: Own, secret: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = own_graph
    shop(secret, "ann")
    server.most_rows = 2
    monkeypatch.setattr(spanner_calls, "PAGE", 2)
    scope = Scope(pseudonym("ann"))
    assert len(list(holder.export(scope))) == holder.plan(scope).rows > 2


def test_who_has_no_scheduler_settles_by_a_command_without_going_through_everybody(
    own_graph: Own, secret: Api
) -> None:
    _, sink = own_graph
    shop(secret, "ann")
    remember(timezone.now(), {"tea": [(Signal.VIEW, 3)]}, "ben")
    consent.change(pseudonym("ann"), {"personalization_enabled": False}, Actor.USER)
    said = StringIO()
    call_command("draw_graph", "--owed", stdout=said)
    assert said.getvalue() == "the graph of 1 people drawn anew or removed\n"
    assert stores.everything(sink) == {}
