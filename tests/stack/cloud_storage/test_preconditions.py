"""Conditions on requests. Source: cloud.google.com/storage/docs/request-preconditions."""

import concurrent.futures
import threading

import pytest
from google.api_core import exceptions
from google.cloud import storage

from tests.stack.cloud_storage.conftest import StandIn, client_of, close


def test_generation_zero_means_only_if_there_is_none(bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("first", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed) as caught:
        bucket.blob("a").upload_from_string("second", if_generation_match=0)
    assert caught.value.response.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
    assert bucket.blob("a").download_as_bytes() == b"first"
    bucket.blob("a").delete()
    bucket.blob("a").upload_from_string("third", if_generation_match=0)


def test_a_known_generation_is_replaced_and_an_older_one_is_not(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2", if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("3", if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("a").download_as_bytes(if_generation_match=first)
    assert bucket.blob("a").download_as_bytes() == b"2"


def test_metageneration_guards_every_verb(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    blob.metadata = {"k": "v"}
    blob.patch(if_metageneration_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_metageneration_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("y", if_metageneration_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("new").upload_from_string("y", if_metageneration_match=1)
    blob.delete(if_metageneration_match=2)


def test_not_match_answers_not_modified(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    with pytest.raises(exceptions.NotModified):
        bucket.blob("a").reload(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.NotModified):
        bucket.blob("a").reload(if_metageneration_not_match=1)
    with pytest.raises(exceptions.NotModified):
        bucket.blob("a").reload(if_etag_not_match=blob.etag)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("a").reload(if_etag_match="other")
    bucket.blob("a").reload(if_generation_not_match=5, if_etag_match=blob.etag)


def test_not_match_fails_when_there_is_nothing_to_differ_from(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/json_api/v1/objects/insert: no live object, the precondition fails."""
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("a").upload_from_string("x", if_generation_not_match=5)


def test_a_precondition_must_be_a_number(standin: StandIn, bucket: storage.Bucket) -> None:
    answer = standin.send("GET", f"/storage/v1/b/{bucket.name}/o/a?ifGenerationMatch=soon")
    assert answer.status_code in (400, 404)
    bucket.blob("a").upload_from_string("x")
    answer = standin.send("GET", f"/storage/v1/b/{bucket.name}/o/a?ifGenerationMatch=soon")
    assert answer.status_code == 400


def test_of_eight_racing_creators_exactly_one_wins(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/request-preconditions: race conditions"""
    names, together = [f"contended/{n}" for n in range(10)], threading.Barrier(8)

    def wins(racer: int) -> list[str]:
        client = client_of(standin.url)
        won = [name for name in names if created(client.bucket(bucket.name).blob(name), racer)]
        close(client)
        return won

    def created(blob: storage.Blob, racer: int) -> bool:
        together.wait(60)
        try:
            blob.upload_from_string(f"{racer}", if_generation_match=0, retry=None)
        except exceptions.PreconditionFailed:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        winners = list(pool.map(wins, range(8)))
    assert sorted(name for won in winners for name in won) == names
    for racer, won in enumerate(winners):
        assert all(bucket.blob(name).download_as_text() == str(racer) for name in won)


def test_an_upload_that_was_applied_but_answered_503_finds_itself_when_repeated(
    standin: StandIn, bucket: storage.Bucket
) -> None:
    """cloud.google.com/storage/docs/retry-strategy (Retry strategy): conditionally idempotent operations"""
    match = {"method": "POST", "path": "^/upload/"}
    standin.tell("faults", match=match, action={"apply_then": {"status": 503}})
    blob = bucket.blob("batch")
    with pytest.raises(exceptions.ServiceUnavailable):
        blob.upload_from_string("once", if_generation_match=0, retry=None)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("once", if_generation_match=0, retry=None)
    assert bucket.get_blob("batch").download_as_text() == "once"
