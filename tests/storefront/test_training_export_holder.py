"""A person's searches leave the exported training data with the log; everybody else's rows stay."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from leafloaf.stack.throwaway import ThrowawayStack
from leafloaf.storefront import training_export
from leafloaf.storefront.training_export import targets
from leafloaf.storefront.training_export.holder import FILES, TrainingExportHolder
from leafloaf.storefront.training_export.log import LABELS
from privacy.holders import NotNow, Presence, Scope, Task
from privacy.models import Subject
from tests.calls import cart, interaction, order
from tests.capture.stores import NOBODY, CloudStorageStore
from tests.standins import Standin
from tests.storefront.training import DAY, NOON, NOW, allow, capture, exported, searched, shop

pytestmark = pytest.mark.django_db

holder = TrainingExportHolder()


@pytest.fixture(autouse=True)
def _shop(settings: Settings) -> Iterator[None]:
    yield from shop(settings)


@pytest.fixture
def store(stack: ThrowawayStack, settings: Settings) -> Iterator[CloudStorageStore]:
    """A bucket of its own, configured as the shop's."""
    environment = stack.environment
    opened = CloudStorageStore(environment["BIGQUERY_PROJECT"], environment["CLOUD_STORAGE_ENDPOINT"])
    configure(settings, opened)
    yield opened
    for blob in opened.sink.client.list_blobs(opened.sink.bucket_name, versions=True):
        blob.delete()
    opened.clean()


def configure(settings: Settings, store: CloudStorageStore, *, enabled: bool = True, **changes: Any) -> None:
    sink = store.sink
    options = {
        "bucket": sink.bucket_name,
        "endpoint": sink.endpoint,
        "project": sink.project,
        "location": "",
        "is_zipped": False,
    }
    configured = settings.SINKS["cloud_storage"] | {"ENABLED": enabled, "OPTIONS": options | changes}
    settings.SINKS = settings.SINKS | {"cloud_storage": configured}


def shopped(user: str, query: str = "oat milk") -> None:
    """A search, a click, something in the cart, and an order."""
    search_id = searched(user, query)
    capture(interaction(user_id=user, search_id=search_id, product_id="COW"))
    capture(cart(user_id=user, search_id=search_id, product_id="OAT"))
    items = [{"product_id": "OAT", "quantity": 1, "price": 4.5}]
    capture(order(user_id=user, items=items), at=NOON + timedelta(hours=1))


def export(labels: tuple[str, ...] = LABELS, now: datetime = NOW) -> None:
    list(training_export.export([DAY], labels, targets.usual(), now))


def fenced(user: str = "user_1", before: datetime | None = None) -> Scope:
    """As the fence leaves a person; a retention has none."""
    subject = Subject.objects.get(user_id=user)
    if before is None:
        Subject.objects.filter(id=subject.id).update(state=Subject.State.FENCED)
    return Scope(subject.id, (), before)


def leave_the_log(scope: Scope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM capture_event WHERE subject_id = %s AND received_at < %s",
            [scope.subject_id, scope.before or datetime.max.replace(tzinfo=UTC)],
        )


def task(scope: Scope) -> Task:
    return Task(scope, holder.plan(scope), datetime.now(UTC))


def purged(scope: Scope) -> Task:
    done = task(scope)
    leave_the_log(scope)
    assert [answer.again_at for answer in holder.erase([done])] == [None]
    return done


def rows(store: CloudStorageStore) -> Counter[tuple[str, str]]:
    """Searches and lessons in the bucket, each with its file."""
    listed = store.sink.client.list_blobs(store.sink.bucket_name, prefix="training/")
    return Counter(
        (blob.name, line)
        for blob in listed
        if blob.name.endswith(".jsonl")
        for line in blob.download_as_text().splitlines()
    )


def test_what_is_exported_is_what_goes(store: CloudStorageStore) -> None:
    for user in ("user_1", "user_2", "user_1"):
        shopped(user)
    searched("user_1", "large eggs")
    searched("user_2", "large eggs")
    export()
    before, scope = rows(store), fenced()
    given = list(holder.export(scope))
    done = purged(scope)
    gone = before - rows(store)
    assert Counter(json.dumps(row) for _, row in given) == Counter(
        json.dumps(json.loads(line)) for _, line in gone.elements()
    )
    assert done.plan.rows == len(given) == gone.total() > 5
    assert [name for name, _ in given] == sorted((name for name, _ in given), reverse=True)
    assert {name for name, _ in given} == set(FILES.values()) == set(holder.fields())
    assert holder.verify(done).presence == Presence.ABSENT


def test_everybody_elses_rows_stay(store: CloudStorageStore, tmp_path: Path) -> None:
    for number in range(6):
        shopped(f"user_{number}")
        searched(f"user_{number}", "large eggs")
    export()
    before, scope = rows(store), fenced()
    purged(scope)
    after = rows(store)
    assert after < before
    exported(tmp_path)
    fresh = Counter(line for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines())
    assert fresh == Counter(line for _, line in after.elements())


def test_rows_are_found_though_the_person_has_withdrawn_since(store: CloudStorageStore) -> None:
    searched("user_1")
    searched("user_2")
    export()
    allow("user_1", personalization_enabled=False)
    assert holder.plan(fenced()).rows == 2


def test_a_day_without_anything_of_theirs_is_not_touched(store: CloudStorageStore) -> None:
    searched("user_1", at=NOON - timedelta(days=2))
    searched("user_2")
    export()
    before = {blob.name: blob.generation for blob in store.bucket.list_blobs()}
    done = purged(fenced())
    assert done.plan.rows == 0
    assert {blob.name: blob.generation for blob in store.bucket.list_blobs()} == before
    assert holder.verify(done).presence == Presence.ABSENT


def test_a_day_exported_since_the_plan_is_made_anew_too(store: CloudStorageStore) -> None:
    """The export had begun before the fence."""
    searched("user_1")
    searched("user_2")
    scope = fenced()
    planned = task(scope)
    Subject.objects.update(state="active")
    export()
    leave_the_log(scope)
    assert holder.verify(planned).found == 1
    holder.erase([planned])
    assert holder.verify(planned).presence == Presence.ABSENT
    assert rows(store).total() == 2


def test_only_the_intents_that_were_exported_are_made_anew(store: CloudStorageStore) -> None:
    searched("user_1")
    searched("user_2")
    searched("user_2", "show my order", intent="view_order", result_skus=[])
    export(("product_search",))
    purged(fenced())
    assert {name.rpartition("/")[2].partition(".")[0] for name, _ in rows(store)} == {"product_search"}


def test_a_repeated_erasure_writes_nothing(store: CloudStorageStore) -> None:
    searched("user_1")
    searched("user_2")
    export()
    done = purged(fenced())
    before = {blob.name: blob.generation for blob in store.bucket.list_blobs()}
    holder.erase([done])
    assert {blob.name: blob.generation for blob in store.bucket.list_blobs()} == before


def test_at_the_end_of_a_retention_only_what_is_older_goes(store: CloudStorageStore) -> None:
    searched("user_1", "oat milk", at=NOON - timedelta(hours=2))
    searched("user_1", "large eggs", at=NOON + timedelta(hours=2))
    searched("user_2")
    export()
    scope = fenced(before=NOON)
    assert [row["query"] for name, row in holder.export(scope) if "query" in row] == ["oat milk"]
    done = purged(scope)
    assert holder.verify(done).presence == Presence.ABSENT
    told = Counter(json.loads(line).get("query") for _, line in rows(store).elements())
    assert (told["oat milk"], told["large eggs"]) == (1, 1)


def test_where_cloud_storage_is_off_the_day_is_removed(store: CloudStorageStore, settings: Settings) -> None:
    searched("user_1")
    searched("user_2")
    export()
    configure(settings, store, enabled=False)
    done = purged(fenced())
    assert list(store.bucket.list_blobs()) == []
    assert holder.verify(done).presence == Presence.ABSENT


def test_a_day_that_is_not_over_is_removed_and_left_to_the_schedule(store: CloudStorageStore) -> None:
    searched("user_1", at=NOW)
    list(training_export.export([NOW.date()], LABELS, targets.usual(), NOW))
    done = purged(fenced())
    assert (done.plan.rows, list(store.bucket.list_blobs())) == (2, [])


def test_files_that_no_manifest_describes_are_not_taken_for_well(store: CloudStorageStore) -> None:
    searched("user_1")
    searched("user_2")
    export()
    folder = f"training/v1/{DAY}/"
    done = purged(fenced())
    store.bucket.blob(f"{folder}product_search.searches.jsonl").upload_from_string("{}\n")
    store.bucket.blob(f"{folder}retired_intent.searches.jsonl").upload_from_string("{}\n")
    store.bucket.blob(f"{folder}recipe.manifest.json").upload_from_string("{")
    assert holder.verify(done).found >= 3
    holder.erase([done])
    assert holder.verify(done).presence == Presence.ABSENT
    assert rows(store).total() == 2


def test_older_generations_go_and_soft_delete_is_told_with_its_date(store: CloudStorageStore) -> None:
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.versioning_enabled = True
    bucket.soft_delete_policy.retention_duration_seconds = 7 * 86_400
    bucket.patch()
    searched("user_1")
    searched("user_2")
    export()
    done = purged(fenced())
    versions = list(store.bucket.list_blobs(versions=True))
    assert all(blob.time_deleted is None for blob in versions)
    finding = holder.verify(done)
    assert finding.residual_until is not None
    assert timedelta(days=6) < finding.residual_until - datetime.now(UTC) < timedelta(days=8)


@pytest.mark.parametrize(("status", "presence"), [(403, Presence.FORBIDDEN), (503, Presence.UNREACHABLE)])
def test_what_the_store_does_not_show_is_not_absent(
    store: CloudStorageStore, stack: ThrowawayStack, status: int, presence: Presence
) -> None:
    searched("user_1")
    export()
    done = task(fenced())
    standin = Standin(stack.environment["CLOUD_STORAGE_ENDPOINT"])
    standin.fail(match={"method": "GET"}, times=9, status=status)
    try:
        assert holder.verify(done).presence == presence
        with pytest.raises(NotNow):
            holder.erase([done])
    finally:
        standin.mend()


def test_a_store_that_is_away_is_not_now(store: CloudStorageStore, settings: Settings) -> None:
    searched("user_1")
    export()
    scope = fenced()
    configure(settings, store, endpoint=f"http://{NOBODY}")
    with pytest.raises(NotNow):
        holder.plan(scope)
    with pytest.raises(NotNow):
        list(holder.export(scope))
