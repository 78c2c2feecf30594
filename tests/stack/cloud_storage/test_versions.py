"""What happens to deleted and replaced objects: versions, soft delete, lifecycle."""

import pytest
from google.api_core import exceptions
from google.cloud import storage

from tests.stack.cloud_storage.conftest import StandIn

DAY = 24 * 3600


@pytest.fixture
def kept(client: storage.Client) -> storage.Bucket:
    """A bucket as Google makes them: deleted objects are kept for seven days."""
    created: storage.Bucket = client.create_bucket("kept")
    return created


# cloud.google.com/storage/docs/object-versioning (Object Versioning)


def test_without_versions_a_replaced_object_is_gone(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2")
    assert len(list(bucket.list_blobs(versions=True))) == 1
    with pytest.raises(exceptions.NotFound):
        bucket.blob("a", generation=first).download_as_bytes()


def test_with_versions_replaced_and_deleted_objects_become_noncurrent(versioned: storage.Bucket) -> None:
    blob = versioned.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2")
    versioned.blob("a").delete()

    assert list(versioned.list_blobs()) == []
    assert [blob.generation for blob in versioned.list_blobs(versions=True)] == [first, blob.generation]
    assert all(blob.time_deleted for blob in versioned.list_blobs(versions=True))
    assert versioned.blob("a", generation=first).download_as_bytes() == b"1"
    with pytest.raises(exceptions.NotFound):
        versioned.blob("a").download_as_bytes()


def test_deleting_by_generation_is_for_good(versioned: storage.Bucket) -> None:
    blob = versioned.blob("a")
    blob.upload_from_string("1")
    versioned.blob("a", generation=blob.generation).delete()
    assert list(versioned.list_blobs(versions=True)) == []


def test_a_noncurrent_version_can_be_copied_back(versioned: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/using-versioned-objects (Use versioned objects)"""
    blob = versioned.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2")
    versioned.copy_blob(versioned.blob("a"), versioned, "a", source_generation=first)
    assert versioned.blob("a").download_as_bytes() == b"1"
    assert len(list(versioned.list_blobs(versions=True))) == 3


def test_a_bucket_with_noncurrent_versions_is_not_empty(versioned: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/deleting-buckets (Delete buckets)"""
    versioned.blob("a").upload_from_string("1")
    versioned.blob("a").delete()
    with pytest.raises(exceptions.Conflict):
        versioned.delete()


# cloud.google.com/storage/docs/soft-delete (Soft delete)


def test_a_deleted_object_stays_listed_as_soft_deleted_until_its_time(
    standin: StandIn, kept: storage.Bucket
) -> None:
    kept.blob("a").upload_from_string("x")
    kept.blob("a").delete()

    assert list(kept.list_blobs()) == []
    (lost,) = kept.list_blobs(soft_deleted=True)
    assert (lost.hard_delete_time - lost.soft_delete_time).total_seconds() == 7 * DAY
    standin.tell("clock", advance_seconds=7 * DAY - 60)
    assert len(list(kept.list_blobs(soft_deleted=True))) == 1
    standin.tell("clock", advance_seconds=61)
    assert list(kept.list_blobs(soft_deleted=True)) == []
    with pytest.raises(exceptions.NotFound):
        kept.restore_blob("a", generation=lost.generation)


def test_a_soft_deleted_object_cannot_be_read(kept: storage.Bucket) -> None:
    blob = kept.blob("a")
    blob.upload_from_string("x")
    generation = blob.generation
    kept.blob("a").delete()
    with pytest.raises(exceptions.NotFound):
        kept.blob("a", generation=generation).download_as_bytes()
    assert kept.get_blob("a", generation=generation, soft_deleted=True).soft_delete_time
    assert kept.get_blob("a", generation=generation) is None


def test_a_replaced_object_is_soft_deleted_too(kept: storage.Bucket) -> None:
    blob = kept.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2")
    assert [lost.generation for lost in kept.list_blobs(soft_deleted=True)] == [first]


def test_a_policy_change_does_not_touch_what_is_already_deleted(kept: storage.Bucket) -> None:
    kept.blob("a").upload_from_string("x")
    kept.blob("a").delete()
    kept.soft_delete_policy.retention_duration_seconds = 0
    kept.patch()
    kept.blob("b").upload_from_string("x")
    kept.blob("b").delete()
    assert [lost.name for lost in kept.list_blobs(soft_deleted=True)] == ["a"]


def test_restoring_makes_a_new_live_copy(kept: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/json_api/v1/objects/restore (Objects: restore)"""
    blob = kept.blob("a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string("x")
    generation = blob.generation
    blob.metadata = {"k": "w"}
    blob.patch()
    kept.blob("a").delete()
    restored = kept.restore_blob("a", generation=generation, if_generation_match=0)

    assert restored.generation > generation
    assert (restored.metageneration, restored.metadata) == (1, {"k": "w"})
    assert (restored.soft_delete_time, restored.hard_delete_time) == (None, None)
    assert kept.blob("a").download_as_bytes() == b"x"
    assert [lost.generation for lost in kept.list_blobs(soft_deleted=True)] == [generation]
    with pytest.raises(exceptions.PreconditionFailed):
        kept.restore_blob("a", generation=generation, if_generation_match=0)


def test_with_versions_only_removed_noncurrent_versions_are_soft_deleted(kept: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/soft-delete: with Object Versioning"""
    kept.versioning_enabled = True
    kept.patch()
    blob = kept.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2")
    assert list(kept.list_blobs(soft_deleted=True)) == []
    kept.blob("a", generation=first).delete()
    assert [lost.generation for lost in kept.list_blobs(soft_deleted=True)] == [first]


# cloud.google.com/storage/docs/lifecycle (Object Lifecycle Management)


def test_old_objects_are_deleted_when_rules_are_applied(standin: StandIn, bucket: storage.Bucket) -> None:
    bucket.add_lifecycle_delete_rule(age=90, matches_prefix=["events/"])
    bucket.patch()
    bucket.blob("events/old").upload_from_string("x")
    bucket.blob("kept/old").upload_from_string("x")
    standin.tell("clock", advance_seconds=89 * DAY)
    bucket.blob("events/new").upload_from_string("x")
    assert standin.tell("lifecycle") == {"applied": [], "expired": []}
    standin.tell("clock", advance_seconds=DAY)

    (done,) = standin.tell("lifecycle")["applied"]
    assert (done["object"].startswith("events/events/old#"), done["action"]) == (True, "Delete")
    assert [blob.name for blob in bucket.list_blobs()] == ["events/new", "kept/old"]


def test_all_conditions_of_a_rule_must_hold(standin: StandIn, versioned: storage.Bucket) -> None:
    versioned.add_lifecycle_delete_rule(number_of_newer_versions=2, is_live=False)
    versioned.patch()
    for content in "1234":
        versioned.blob("a").upload_from_string(content)
    standin.tell("lifecycle")
    kept = [blob.download_as_bytes() for blob in versioned.list_blobs(versions=True)]
    assert kept == [b"3", b"4"]


def test_a_rule_can_change_the_storage_class(standin: StandIn, bucket: storage.Bucket) -> None:
    bucket.add_lifecycle_set_storage_class_rule("COLDLINE", age=1, matches_suffix=[".jsonl"])
    bucket.patch()
    bucket.blob("a.jsonl").upload_from_string("x")
    bucket.blob("a.csv").upload_from_string("x")
    standin.tell("clock", advance_seconds=DAY)
    standin.tell("lifecycle")
    assert [blob.storage_class for blob in bucket.list_blobs()] == ["STANDARD", "COLDLINE"]


def test_delete_goes_before_a_change_of_class(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/lifecycle: Delete takes precedence over SetStorageClass"""
    bucket.add_lifecycle_set_storage_class_rule("COLDLINE", age=1)
    bucket.add_lifecycle_delete_rule(age=1)
    bucket.patch()
    bucket.blob("a").upload_from_string("x")
    standin.tell("clock", advance_seconds=DAY)
    assert [each["action"] for each in standin.tell("lifecycle")["applied"]] == ["Delete"]
