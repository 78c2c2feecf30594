"""Buckets. Source: cloud.google.com/storage/docs/json_api/v1/buckets and the pages cited below."""

import pytest
from google.api_core import exceptions
from google.cloud import storage

from tests.stack.cloud_storage.conftest import StandIn

WEEK = 7 * 24 * 3600


def test_a_bucket_can_be_created_found_listed_and_deleted(client: storage.Client) -> None:
    client.create_bucket("first")
    client.create_bucket("second", location="northamerica-northeast1")

    assert [bucket.name for bucket in client.list_buckets()] == ["first", "second"]
    assert [bucket.name for bucket in client.list_buckets(prefix="sec")] == ["second"]
    assert client.get_bucket("second").location == "NORTHAMERICA-NORTHEAST1"
    client.get_bucket("first").delete()
    assert client.lookup_bucket("first") is None


def test_creating_an_existing_bucket_is_a_conflict(client: storage.Client) -> None:
    client.create_bucket("taken")
    with pytest.raises(exceptions.Conflict) as caught:
        client.create_bucket("taken")
    assert caught.value.errors[0]["reason"] == "conflict"


def test_a_missing_bucket_is_not_found(client: storage.Client) -> None:
    with pytest.raises(exceptions.NotFound):
        client.get_bucket("nowhere")
    with pytest.raises(exceptions.NotFound):
        client.bucket("nowhere").blob("a").upload_from_string("x")
    with pytest.raises(exceptions.NotFound):
        list(client.list_blobs("nowhere"))


@pytest.mark.parametrize(
    "name", ["ab", "UPPER", "-dash", "dot.", "goog-x", "my-google", "192.168.5.4", "a..b"]
)
def test_bucket_names_follow_googles_rules(standin: StandIn, name: str) -> None:
    """cloud.google.com/storage/docs/buckets#naming (Bucket names)"""
    answer = standin.send("POST", "/storage/v1/b?project=demo", json={"name": name})
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "invalid")


def test_a_bucket_with_objects_in_it_is_not_deleted(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/deleting-buckets (Delete buckets)"""
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    blob.delete()
    bucket.delete()


def test_soft_delete_is_on_for_seven_days_unless_switched_off(client: storage.Client) -> None:
    """cloud.google.com/storage/docs/soft-delete (Soft delete)"""
    bucket = client.create_bucket("fresh")
    assert bucket.soft_delete_policy.retention_duration_seconds == WEEK

    bucket.soft_delete_policy.retention_duration_seconds = 0
    bucket.patch()
    assert client.get_bucket("fresh").soft_delete_policy.retention_duration_seconds == 0


@pytest.mark.parametrize("seconds", [3600, WEEK - 1, 90 * 24 * 3600 + 1])
def test_soft_delete_lasts_7_to_90_days(bucket: storage.Bucket, seconds: int) -> None:
    """cloud.google.com/storage/docs/soft-delete (Soft delete: retention duration)"""
    bucket.soft_delete_policy.retention_duration_seconds = seconds
    with pytest.raises(exceptions.BadRequest):
        bucket.patch()


def test_settings_are_kept_and_patches_are_merged(client: storage.Client) -> None:
    """cloud.google.com/storage/docs/json_api#patch (Patch semantics)"""
    bucket = client.bucket("settings")
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.labels = {"team": "shop", "old": "yes"}
    bucket.add_lifecycle_delete_rule(age=90, matches_prefix=["events/"])
    bucket = client.create_bucket(bucket)
    bucket.versioning_enabled = True
    bucket.labels = {"team": "shop"}
    bucket.patch()

    found = client.get_bucket("settings")
    assert found.iam_configuration.uniform_bucket_level_access_enabled
    assert found.iam_configuration.public_access_prevention == "enforced"
    assert found.labels == {"team": "shop"}
    assert found.versioning_enabled
    rule = {"action": {"type": "Delete"}, "condition": {"age": 90, "matchesPrefix": ["events/"]}}
    assert [dict(each) for each in found.lifecycle_rules] == [rule]
    assert found.metageneration == 2


def test_an_update_clears_what_it_does_not_name(client: storage.Client) -> None:
    """cloud.google.com/storage/docs/json_api/v1/buckets/update (Buckets: update)"""
    bucket = client.bucket("replaced")
    bucket.labels = {"team": "shop"}
    created = client.create_bucket(bucket)
    other = client.bucket("replaced")
    other.versioning_enabled = True
    other.update()

    found = client.get_bucket("replaced")
    assert (found.labels, found.versioning_enabled) == ({}, True)
    assert found.time_created == created.time_created


@pytest.mark.parametrize(
    "rule",
    [
        {"action": {"type": "Delete"}, "condition": {}},
        {"action": {"type": "Vanish"}, "condition": {"age": 1}},
        {"action": {"type": "Delete"}, "condition": {"mood": "bad"}},
        {"action": {"type": "SetStorageClass"}, "condition": {"age": 1}},
        {"action": {"type": "Delete"}, "condition": {"age": -1}},
    ],
)
def test_a_malformed_lifecycle_rule_is_refused(bucket: storage.Bucket, rule: dict[str, object]) -> None:
    """cloud.google.com/storage/docs/lifecycle (Object Lifecycle Management)"""
    bucket.lifecycle_rules = [rule]
    with pytest.raises(exceptions.BadRequest):
        bucket.patch()


def test_bucket_changes_can_depend_on_the_metageneration(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/request-preconditions (Request preconditions)"""
    bucket.labels = {"a": "b"}
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=7)
    bucket.patch(if_metageneration_match=1)
    with pytest.raises(exceptions.NotModified):
        bucket.reload(if_metageneration_not_match=2)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.delete(if_metageneration_match=1)


def test_what_the_stand_in_does_not_know_it_says(client: storage.Client) -> None:
    bucket = client.bucket("locked")
    bucket.retention_period = 3600
    with pytest.raises(exceptions.MethodNotImplemented):
        client.create_bucket(bucket)
    with pytest.raises(exceptions.MethodNotImplemented):
        bucket.get_iam_policy()
