"""Where an export goes: objects by day and intent that are replaced only by something else, or one file."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from google.cloud import storage
from pytest_django import Settings

from capture.sinks import cloud_storage_objects
from capture.sinks.base import Misconfigured, Unavailable
from leafloaf.access.models import AuditEntry
from leafloaf.stack.throwaway import ThrowawayStack
from leafloaf.storefront import tasks, training_export
from leafloaf.storefront.training_export import log, targets
from leafloaf.storefront.training_export.log import LABELS
from tests.capture.stores import CloudStorageStore
from tests.standins import Standin
from tests.storefront.training import DAY, NOON, NOW, allow, exported, searched, shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(settings: Settings) -> Iterator[None]:
    yield from shop(settings)


# The bucket


@pytest.fixture
def store(stack: ThrowawayStack, settings: Settings) -> Iterator[CloudStorageStore]:
    """A bucket of its own, configured as the shop's."""
    environment = stack.environment
    opened = CloudStorageStore(environment["BIGQUERY_PROJECT"], environment["CLOUD_STORAGE_ENDPOINT"])
    options = {
        "bucket": opened.sink.bucket_name,
        "endpoint": opened.sink.endpoint,
        "project": opened.sink.project,
        "location": "",
        "is_zipped": False,
    }
    configured = settings.SINKS["cloud_storage"] | {"ENABLED": True, "OPTIONS": options}
    settings.SINKS = settings.SINKS | {"cloud_storage": configured}
    yield opened
    opened.clean()


def objects(store: CloudStorageStore) -> dict[str, storage.Blob]:
    return {blob.name: blob for blob in store.sink.client.list_blobs(store.sink.bucket_name)}


def ran(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_training_data", *arguments, stdout=out)
    return out.getvalue()


def days(first: Any = DAY, last: Any = DAY) -> tuple[str, ...]:
    return "--from", str(first), "--to", str(last)


def test_objects_are_named_by_day_and_intent(store: CloudStorageStore) -> None:
    searched()
    said = ran(*days())
    found = objects(store)
    assert len(found) == len(LABELS) + 2
    name = f"training/v1/{DAY}/product_search.searches.jsonl"
    assert json.loads(found[name].download_as_bytes())["query"] == "oat milk"
    assert f"{DAY}: 1 searches, 1 rows, 1 lessons" in said
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.details["counts"]["rows"]) == (
        "export_training_data",
        "export training data",
        1,
    )


def test_a_repeated_export_writes_nothing_and_a_changed_one_replaces(store: CloudStorageStore) -> None:
    searched()
    ran(*days())
    before = {name: blob.generation for name, blob in objects(store).items()}
    ran(*days())
    assert {name: blob.generation for name, blob in objects(store).items()} == before
    searched("user_2", "eggs")
    ran(*days(), "--intent", "product_search")
    after = {name: blob.generation for name, blob in objects(store).items()}
    changed = {name.rpartition("/")[2] for name in after if after[name] != before[name]}
    assert changed == {
        f"product_search.{end}" for end in ("searches.jsonl", "lessons.jsonl", "manifest.json")
    }


def test_who_withdrew_is_gone_with_the_next_export_of_the_day(store: CloudStorageStore) -> None:
    searched()
    ran(*days())
    allow("user_1", personalization_enabled=False)
    ran(*days())
    found = objects(store)
    assert {name.rpartition(".manifest")[1] for name in found} == {".manifest"}
    document = json.loads(found[f"training/v1/{DAY}/product_search.manifest.json"].download_as_bytes())
    assert (document["rows"], document["files"], document["left_out"]["no_consent"]) == (0, [], 1)


def test_another_bucket_and_prefix_may_be_named(store: CloudStorageStore) -> None:
    searched()
    ran(*days(), "--out", f"gs://{store.sink.bucket_name}/models/small", "--intent", "product_search")
    assert sorted(objects(store)) == [
        f"models/small/{DAY}/product_search.{end}"
        for end in ("lessons.jsonl", "manifest.json", "searches.jsonl")
    ]


def test_what_was_cut_short_has_no_manifest_and_is_done_again(
    store: CloudStorageStore, stack: ThrowawayStack
) -> None:
    searched()
    standin = Standin(stack.environment["CLOUD_STORAGE_ENDPOINT"])
    standin.fail(match={"method": "POST", "path": "/upload/"}, after=1, status=503)
    try:
        with pytest.raises(Unavailable):
            training_export.export_due(NOW)
    finally:
        standin.mend()
    assert targets.configured().complete(DAY, LABELS) == set()
    assert DAY in training_export.export_due(NOW)
    assert DAY in targets.configured().complete(DAY, LABELS)


def test_the_schedule_exports_each_complete_day_once(store: CloudStorageStore) -> None:
    searched()
    assert DAY in training_export.export_due(NOW)
    before = {name: blob.generation for name, blob in objects(store).items()}
    tasks.export_training_data()
    assert {name: blob.generation for name, blob in objects(store).items()} == before
    assert ran("--due") == "nothing is due\n"
    assert str(log.last_complete(NOW) + timedelta(days=1)) not in "".join(objects(store))
    assert len(training_export.export_due(NOW + timedelta(days=1))) == 1


@pytest.mark.parametrize(
    ("wanted", "cloud_storage", "is_scheduled"),
    [("", "true", False), ("true", "true", True), ("true", "false", False)],
)
def test_it_is_scheduled_when_the_shop_says_so_and_has_a_bucket(
    wanted: str, cloud_storage: str, is_scheduled: bool
) -> None:
    said = "from leafloaf import settings; print('export-training-data' in settings.CELERY_BEAT_SCHEDULE)"
    environment = os.environ | {"TRAINING_EXPORT_ENABLED": wanted, "CLOUD_STORAGE_ENABLED": cloud_storage}
    answer = subprocess.run([sys.executable, "-c", said], env=environment, capture_output=True, check=True)
    assert answer.stdout.decode().strip() == str(is_scheduled)


def test_a_large_file_goes_in_pieces(store: CloudStorageStore, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2 * cloud_storage_objects.CHUNK + 1))
    assert cloud_storage_objects.put(store.sink, "training/large", file, None)
    found = objects(store)["training/large"]
    assert found.crc32c == cloud_storage_objects.crc32c(file)
    assert cloud_storage_objects.put(store.sink, "training/large", file, found) is False


def test_a_day_that_is_not_over_is_exported_but_not_done(store: CloudStorageStore) -> None:
    today = NOW.date()
    ran(*days(today, today))
    name = f"training/v1/{today}/product_search.manifest.json"
    assert json.loads(objects(store)[name].download_as_bytes())["is_complete"] is False
    assert targets.configured().complete(today, LABELS) == set()


def test_a_change_by_somebody_else_at_the_same_time_is_not_overwritten(
    store: CloudStorageStore, tmp_path: Path
) -> None:
    searched()
    exported(tmp_path)
    name, file = "training/x", tmp_path / "product_search.searches.jsonl"
    store.bucket.blob(name).upload_from_string(b"other")
    with pytest.raises(Unavailable, match="changed by somebody else"):
        cloud_storage_objects.put(store.sink, name, file, None)
    store.bucket.blob(name).upload_from_filename(str(file))
    assert cloud_storage_objects.put(store.sink, name, file, None) is False


def test_a_bucket_that_is_not_there_is_said(store: CloudStorageStore) -> None:
    with pytest.raises(CommandError, match="did not take it"):
        ran(*days(), "--out", "gs://leafloaf-no-such-bucket")
    with pytest.raises(Misconfigured):
        list(training_export.export([DAY], LABELS, targets.of("gs://leafloaf-no-such-bucket"), NOW))


# A file


def test_a_file_has_every_day_and_lessons_and_manifests_beside_it(tmp_path: Path) -> None:
    searched()
    searched(at=NOON + timedelta(days=1), query="eggs")
    ran(*days(DAY, DAY + timedelta(days=1)), "--out", str(tmp_path / "out.jsonl"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.jsonl",
        "out.lessons.jsonl",
        "out.manifest.jsonl",
    ]
    read = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert [row["query"] for row in read] == ["oat milk", "eggs"]
    assert len((tmp_path / "out.manifest.jsonl").read_bytes().splitlines()) == 2 * len(LABELS)


def test_an_export_that_fails_leaves_the_file_of_before(tmp_path: Path) -> None:
    target = targets.File(tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl").write_text("before")
    with pytest.raises(RuntimeError), target:
        raise RuntimeError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name the days"),
        (days(DAY, DAY - timedelta(days=1)), "is before --from"),
        ((*days(), "--out", "gs://"), "names no bucket"),
        ((*days(), "--out", "/no/such/folder/out.jsonl"), "no file that can be written"),
        ((*days(), "--out", "/"), "no file that can be written"),
        (("--due", "--out", "x"), "stands alone"),
    ],
)
def test_a_wrong_order_is_answered_with_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        ran(*arguments)


def test_without_cloud_storage_a_file_must_be_named(settings: Settings) -> None:
    settings.SINKS = settings.SINKS | {"cloud_storage": settings.SINKS["cloud_storage"] | {"ENABLED": False}}
    for arguments in (days(), ("--due",)):
        with pytest.raises(CommandError, match="Cloud Storage is off"):
            ran(*arguments)
