"""What a reader finds in the bucket afterwards, or cannot read."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from capture.holders import cloud_storage
from capture.models import OutboxBatch
from privacy.holders import NeedsAttention, NotNow, Presence, Scope
from tests.capture.cloud_storage_holder.bucket import (
    configure,
    erase,
    holder,
    in_bucket,
    leave_the_log,
    scope,
    task,
    total,
    visited,
    without,
)
from tests.capture.stores import NOBODY, CloudStorageStore
from tests.conftest import memory_configuration
from tests.standins import Standin

NOW = datetime.now(UTC)


def test_older_generations_with_their_lines_go_and_those_without_stay(store: CloudStorageStore) -> None:
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.versioning_enabled = True
    bucket.patch()
    visited(20)
    before, of = in_bucket(store), scope()
    first, second = before
    store.bucket.blob(first).upload_from_string(
        b"".join(before[first][1:5])
    )  # three generations: the first has theirs
    store.bucket.blob(first).upload_from_string(b"".join(before[first]))
    planned = task(of)
    assert planned.plan.rows == 4
    store.bucket.blob(second).delete()
    assert holder.verify(planned).found == 6
    leave_the_log(of)
    holder.erase([planned])
    left = {blob.name: blob for blob in store.bucket.list_blobs(versions=True)}
    assert set(left) == {first}
    assert [blob.size for blob in store.bucket.list_blobs(versions=True)] == [
        sum(map(len, before[first][1:5])),
        sum(map(len, without(before, of)[first])),
    ]
    assert holder.verify(planned).presence == Presence.ABSENT


def test_soft_delete_is_told_with_its_date(store: CloudStorageStore, standin: Standin) -> None:
    visited(20)
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.soft_delete_policy.retention_duration_seconds = 7 * 86_400
    bucket.patch()
    (done,) = erase(scope())
    finding = holder.verify(done)
    assert finding.presence == Presence.ABSENT
    assert finding.residual_until is not None
    assert timedelta(days=6) < finding.residual_until - datetime.now(UTC) < timedelta(days=8)


def test_where_soft_delete_is_off_nothing_is_left(store: CloudStorageStore) -> None:
    visited(20)
    (done,) = erase(scope())
    assert holder.verify(done).residual_until is None


# What cannot be read


def test_a_torn_line_in_an_object_that_the_log_has_forgotten_is_planned_and_stops(
    store: CloudStorageStore,
) -> None:
    visited(5)
    hers, other = scope(), scope("user_1")
    name = "events/20260701_000000_1-999999_events.jsonl"
    store.bucket.blob(name).upload_from_string(f'{{"user_id":"{hers.subject_id}","query":"cut of')
    planned = task(hers)
    assert planned.plan.rows == 1
    assert name in planned.plan.details["objects"]
    assert name not in task(other).plan.details["objects"]
    with pytest.raises(NeedsAttention, match="cannot be read as JSON at line 1"):
        holder.erase([planned])
    assert holder.verify(planned).presence == Presence.PRESENT


def test_a_line_that_nobody_can_read_stops_the_step(store: CloudStorageStore) -> None:
    visited(20)
    before = in_bucket(store)
    broken = next(iter(before))
    before[broken][3] = b'{"event_id": \n'
    store.bucket.blob(broken).upload_from_string(b"".join(before[broken]))
    with pytest.raises(NeedsAttention, match=f"{broken} cannot be read as JSON at line 4; nothing") as raised:
        erase(scope())
    assert str(scope().subject_id) not in str(raised.value)
    assert in_bucket(store)[broken] == before[broken]
    assert total(in_bucket(store)) == 10 + 8


def test_a_damaged_file_stops_the_step(store: CloudStorageStore) -> None:
    visited(10)
    planned = task(scope())
    (blob,) = store.bucket.list_blobs()
    blob.upload_from_string(gzip.compress(b"{}\n" * 100)[:-9])
    with pytest.raises(NeedsAttention, match="no whole gzip file"):
        holder.erase([planned])
    with pytest.raises(NeedsAttention, match="no whole gzip file"):
        holder.plan(scope())


def test_what_somebody_else_keeps_there_is_left_alone(store: CloudStorageStore) -> None:
    visited(10)
    stranger = f"events/{datetime.now(UTC):%Y%m%d_%H%M%S}_notes.txt"
    store.bucket.blob(stranger).upload_from_string("no JSON at all\n")
    store.bucket.blob("notes.txt").upload_from_string("nor here\n")
    (done,) = erase(scope())
    assert holder.verify(done).presence == Presence.ABSENT
    assert store.bucket.blob(stranger).download_as_bytes() == b"no JSON at all\n"


def test_what_one_turn_cannot_do_goes_on_in_the_next(
    store: CloudStorageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited(30)
    planned = task(scope())
    leave_the_log(planned.scope)
    monkeypatch.setattr(cloud_storage, "BUDGET_SECONDS", 0.0)
    (purged,) = holder.erase([planned])
    assert purged.again_at is not None
    monkeypatch.undo()
    assert [purged.again_at for purged in holder.erase([planned])] == [None]
    assert holder.verify(planned).presence == Presence.ABSENT


@pytest.mark.parametrize(
    ("action", "presence"),
    [
        ({"status": 403}, Presence.FORBIDDEN),
        ({"status": 401}, Presence.FORBIDDEN),
        ({"status": 503}, Presence.UNREACHABLE),
        ({"hang_up": True}, Presence.UNREACHABLE),
        ({"status": 400}, Presence.UNSUPPORTED),
    ],
)
def test_what_the_store_does_not_show_is_not_absent(
    store: CloudStorageStore, standin: Standin, action: dict[str, Any], presence: Presence
) -> None:
    visited(10)
    planned = task(scope())
    standin.fail(match={"method": "GET"}, times=99, **action)
    finding = holder.verify(planned)
    assert finding.presence == presence
    assert str(planned.scope.subject_id) not in finding.said
    with pytest.raises((NotNow, NeedsAttention)):
        holder.erase([planned])
    standin.mend()
    assert holder.verify(planned).found == 2


def test_a_store_that_is_away_is_not_now(store: CloudStorageStore, settings: Settings) -> None:
    visited(10)
    planned = task(scope())
    configure(settings, store.sink, endpoint=f"http://{NOBODY}")
    with pytest.raises(NotNow):
        holder.plan(scope())
    with pytest.raises(NotNow):
        list(holder.export(scope()))
    assert holder.verify(planned).presence == Presence.UNREACHABLE


def test_the_reader_believes_neither_the_plan_nor_the_names(store: CloudStorageStore) -> None:
    """What lies in an object of the plan is found in any field of a line, whole or broken."""
    visited(10)
    (done,) = erase(scope())
    (name,) = in_bucket(store)
    for planted in (
        {"metadata": {"of": str(done.scope.subject_id).upper()}},
        str(done.scope.subject_id) + '"',
    ):
        line = json.dumps(planted) if isinstance(planted, dict) else planted
        store.bucket.blob(name).upload_from_string(line)
        assert holder.verify(done).found == 1


def test_it_is_on_as_long_as_something_was_sent(store: CloudStorageStore, settings: Settings) -> None:
    assert holder.is_on()
    off = {"cloud_storage": settings.SINKS["cloud_storage"] | {"ENABLED": False}}
    settings.SINKS = off
    assert not holder.is_on()
    OutboxBatch.objects.create(
        sink="cloud_storage",
        sequence=1,
        day=NOW.date(),
        first_xid=1,
        first_id=1,
        last_xid=1,
        last_id=1,
        count=1,
        checksum="",
        object_name="events/x",
        oldest_received_at=NOW,
        sealed_at=NOW,
        attempts=1,
    )
    assert holder.is_on()
    settings.SINKS = {"cloud_storage": memory_configuration()}
    assert holder.is_on()


def test_nobody_known_has_nothing(store: CloudStorageStore) -> None:
    visited(10)
    nobody = Scope(uuid4())
    assert holder.plan(nobody).rows == 0
    assert list(holder.export(nobody)) == []
