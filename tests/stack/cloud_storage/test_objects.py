"""Uploading, reading, changing, copying. Source: cloud.google.com/storage/docs/json_api/v1/objects."""

import base64
import datetime as dt
import gzip
import hashlib

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud import storage

from tests.stack.cloud_storage.conftest import StandIn


def test_an_uploaded_object_comes_back_with_its_metadata(bucket: storage.Bucket) -> None:
    blob = bucket.blob("events/one.jsonl")
    blob.metadata = {"batch": "17"}
    blob.cache_control = "no-store"
    blob.upload_from_string('{"a": 1}\n', content_type="application/x-ndjson")

    found = bucket.get_blob("events/one.jsonl")
    assert found.download_as_text() == '{"a": 1}\n'
    assert (found.content_type, found.size) == ("application/x-ndjson", 9)
    assert (found.metadata, found.cache_control) == ({"batch": "17"}, "no-store")
    assert (found.generation, found.metageneration) == (blob.generation, 1)
    assert found.time_created == found.updated
    assert abs(dt.datetime.now(dt.UTC) - found.time_created) < dt.timedelta(minutes=1)


def test_checksums_are_those_of_the_content(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/data-validation (Data validation and change detection)"""
    blob = bucket.blob("a")
    blob.upload_from_string(b"some bytes")
    assert base64.b64decode(blob.crc32c) == google_crc32c.Checksum(b"some bytes").digest()
    assert base64.b64decode(blob.md5_hash) == hashlib.md5(b"some bytes", usedforsecurity=False).digest()


@pytest.mark.parametrize("field", ["md5_hash", "crc32c"])
def test_an_upload_whose_checksum_does_not_match_is_refused(bucket: storage.Bucket, field: str) -> None:
    """cloud.google.com/storage/docs/data-validation: Server-side validation"""
    blob = bucket.blob("a")
    setattr(blob, field, "AAAAAA==" if field == "crc32c" else "CY9rzUYh03PK3k6DJie09g==")
    with pytest.raises(exceptions.BadRequest, match="doesn't match"):
        blob.upload_from_string(b"not a test", checksum=None)
    assert not blob.exists()


def test_a_simple_upload_needs_no_metadata(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/uploading-objects (Upload objects): single-request upload"""
    path = "/upload/storage/v1/b/events/o?uploadType=media&name=caf%C3%A9%2Fa.txt"
    answer = standin.send("POST", path, data="bonjour", headers={"Content-Type": "text/plain"})
    assert answer.json()["size"] == "7"
    assert bucket.get_blob("café/a.txt").content_type == "text/plain"


def test_a_wrong_hash_header_refuses_a_simple_upload(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash (x-goog-hash)"""
    path = "/upload/storage/v1/b/events/o?uploadType=media&name=a"
    answer = standin.send("POST", path, data="x", headers={"x-goog-hash": "crc32c=AAAAAA=="})
    assert answer.status_code == 400
    assert bucket.get_blob("a") is None


@pytest.mark.parametrize(
    "name", ["", "a\nb", "a\rb", ".", "..", "x" * 1025, "é" * 513, ".well-known/acme-challenge/x"]
)
def test_object_names_follow_googles_rules(standin: StandIn, bucket: storage.Bucket, name: str) -> None:
    """cloud.google.com/storage/docs/objects#naming (Object name requirements)"""
    path = f"/upload/storage/v1/b/{bucket.name}/o"
    answer = standin.send("POST", path, params={"uploadType": "media", "name": name}, data="x")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "name", ["é" * 512, "a b#?&%+.txt", "日本/語", "/lead", "a//b", "a/../../b", "trail/", "🥬"]
)
def test_any_other_name_is_kept_as_it_is(client: storage.Client, bucket: storage.Bucket, name: str) -> None:
    """cloud.google.com/storage/docs/objects#naming (Object name requirements)"""
    bucket.blob(name).upload_from_string("x")
    assert [blob.name for blob in client.list_blobs(bucket)] == [name]
    assert bucket.blob(name).download_as_bytes() == b"x"
    bucket.blob(name).delete()
    assert list(client.list_blobs(bucket)) == []


def test_a_range_can_be_downloaded(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/json_api/v1/objects/get (Objects: get), Range header"""
    blob = bucket.blob("a")
    blob.upload_from_string("0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    assert blob.download_as_bytes(start=-3) == b"789"
    assert blob.download_as_bytes(start=8, end=400) == b"89"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_an_empty_object_is_an_object(bucket: storage.Bucket) -> None:
    blob = bucket.blob("empty")
    blob.upload_from_string(b"")
    assert (blob.size, blob.download_as_bytes()) == (0, b"")


def test_gzip_is_unzipped_only_for_readers_that_do_not_take_gzip(
    standin: StandIn, bucket: storage.Bucket
) -> None:
    """cloud.google.com/storage/docs/transcoding (Transcoding of gzip-compressed files)"""
    packed = gzip.compress(b"line\n" * 100)
    blob = bucket.blob("a.jsonl")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    path = "/download/storage/v1/b/events/o/a.jsonl?alt=media"

    as_is = standin.send("GET", path, headers={"Accept-Encoding": "gzip"}, stream=True)
    unzipped = standin.send("GET", path, headers={"Accept-Encoding": "identity", "Range": "bytes=0-3"})

    assert (as_is.raw.read(), as_is.headers["Content-Encoding"]) == (packed, "gzip")
    assert (unzipped.status_code, unzipped.content) == (200, b"line\n" * 100)
    assert not {"Content-Encoding", "Content-Length"} & unzipped.headers.keys()
    assert blob.download_as_bytes() == b"line\n" * 100
    assert blob.download_as_bytes(raw_download=True) == packed


def test_no_transform_keeps_gzip_as_it_is(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/transcoding: preventing decompressive transcoding"""
    packed = gzip.compress(b"x")
    blob = bucket.blob("a")
    blob.content_encoding, blob.cache_control = "gzip", "no-transform"
    blob.upload_from_string(packed)
    path = "/download/storage/v1/b/events/o/a?alt=media"
    answer = standin.send("GET", path, headers={"Accept-Encoding": "identity"}, stream=True)
    assert answer.raw.read() == packed


def test_metadata_changes_move_only_the_metageneration(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/metadata#generation-number (Object metadata)"""
    blob = bucket.blob("a")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.upload_from_string("x")
    generation = blob.generation
    blob.metadata = {"keep": "1", "drop": None, "new": "3"}
    blob.content_type = "text/csv"
    blob.patch()

    found = bucket.get_blob("a")
    assert (found.metadata, found.content_type) == ({"keep": "1", "new": "3"}, "text/csv")
    assert (found.generation, found.metageneration) == (generation, 2)
    found.metadata = {"only": "this"}
    found.update()
    assert bucket.get_blob("a").metadata == {"only": "this"}


def test_custom_metadata_is_text_of_at_most_8_kib(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/quotas#objects (Quotas and limits: objects)"""
    bucket.blob("a").upload_from_string("x")
    path = f"/storage/v1/b/{bucket.name}/o/a"
    assert standin.send("PATCH", path, json={"metadata": {"k": "v" * 8191}}).status_code == 200
    assert standin.send("PATCH", path, json={"metadata": {"k": "v" * 8192}}).status_code == 400
    assert standin.send("PATCH", path, json={"metadata": {"k": 1}}).status_code == 400


def test_a_feature_the_stand_in_lacks_is_refused(standin: StandIn, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a", encryption_key=b"k" * 32)
    with pytest.raises(exceptions.MethodNotImplemented):
        blob.upload_from_string("x")
    held = bucket.blob("b")
    held.upload_from_string("x")
    held.temporary_hold = True
    with pytest.raises(exceptions.MethodNotImplemented):
        held.patch()


def test_deleting_twice_is_not_found(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    blob.delete()
    with pytest.raises(exceptions.NotFound):
        blob.delete()
    with pytest.raises(exceptions.NotFound):
        blob.download_as_bytes()


def test_generations_only_grow_even_when_the_clock_goes_back(
    standin: StandIn, bucket: storage.Bucket
) -> None:
    """cloud.google.com/storage/docs/metadata#generation-number (Object metadata)"""
    blob = bucket.blob("a")
    generations = []
    for seconds in (3600, -7200, 0):
        standin.tell("clock", advance_seconds=seconds)
        blob.upload_from_string("x")
        generations.append(blob.generation)
        blob.delete()
    assert generations == sorted(set(generations))


def test_many_calls_can_be_sent_in_one_batch(
    standin: StandIn, client: storage.Client, bucket: storage.Bucket
) -> None:
    """cloud.google.com/storage/docs/batch (Batch requests)"""
    for n in range(5):
        bucket.blob(f"old/{n}").upload_from_string("x")
    kept = bucket.get_blob("old/0")
    with client.batch():
        for n in range(1, 5):
            bucket.blob(f"old/{n}").delete()
        kept.metadata = {"k": "v"}
        kept.patch()
    assert [(blob.name, blob.metadata) for blob in bucket.list_blobs()] == [("old/0", {"k": "v"})]

    with pytest.raises(exceptions.NotFound), client.batch():
        bucket.blob("nothing").delete()
    with pytest.raises(exceptions.PreconditionFailed), client.batch():
        bucket.blob("old/0").delete(if_generation_match=1)


# Copies


def test_a_rewrite_copies_content_and_metadata(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/json_api/v1/objects/rewrite (Objects: rewrite)"""
    source = bucket.blob("a")
    source.metadata = {"k": "v"}
    source.upload_from_string("content", content_type="text/csv")
    copy = bucket.blob("b")
    assert copy.rewrite(source) == (None, 7, 7)

    found = bucket.get_blob("b")
    assert (found.metadata, found.content_type, found.crc32c) == ({"k": "v"}, "text/csv", source.crc32c)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("b").rewrite(source, if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("c").rewrite(source, if_source_generation_match=1)


def test_a_copy_goes_to_another_bucket(client: storage.Client, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/json_api/v1/objects/copy (Objects: copy)"""
    other = client.create_bucket("other")
    bucket.blob("a").upload_from_string("content")
    bucket.copy_blob(bucket.blob("a"), other, "moved/a", if_generation_match=0)
    assert other.blob("moved/a").download_as_bytes() == b"content"
    with pytest.raises(exceptions.NotFound):
        bucket.copy_blob(bucket.blob("nothing"), other)


def test_compose_joins_objects_in_order(bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/composite-objects (Composite objects)"""
    parts = [bucket.blob(f"part-{n}") for n in range(3)]
    for n, part in enumerate(parts):
        part.upload_from_string(f"{n}\n")
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.compose(parts, if_generation_match=0, if_source_generation_match=[parts[0].generation, None, None])

    assert whole.download_as_bytes() == b"0\n1\n2\n"
    assert (whole.component_count, whole.md5_hash) == (3, None)
    assert base64.b64decode(whole.crc32c) == google_crc32c.Checksum(b"0\n1\n2\n").digest()
    with pytest.raises(exceptions.PreconditionFailed):
        whole.compose(parts, if_source_generation_match=[1, None, None])
    with pytest.raises(exceptions.BadRequest):
        whole.compose(parts * 11)
    with pytest.raises(exceptions.NotFound):
        whole.compose([bucket.blob("nothing")])
