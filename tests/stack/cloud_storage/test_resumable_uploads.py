"""Resumable uploads. Source: cloud.google.com/storage/docs/performing-resumable-uploads."""

import io

import pytest
from google.api_core import exceptions
from google.cloud import storage

from tests.stack.cloud_storage.conftest import StandIn

QUANTUM = 256 * 1024


def test_a_large_upload_arrives_in_chunks(bucket: storage.Bucket) -> None:
    content = bytes(range(256)) * 3000
    blob = bucket.blob("large", chunk_size=QUANTUM)
    blob.metadata = {"k": "v"}
    blob.upload_from_file(io.BytesIO(content), content_type="video/x", if_generation_match=0)
    assert (blob.size, blob.content_type, blob.metadata) == (len(content), "video/x", {"k": "v"})
    assert bucket.blob("large", chunk_size=QUANTUM).download_as_bytes() == content
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_file(io.BytesIO(content), if_generation_match=0)


def test_a_stream_of_unknown_length_can_be_written(bucket: storage.Bucket) -> None:
    with bucket.blob("stream").open("wb", chunk_size=QUANTUM) as file:
        for _ in range(10):
            file.write(b"z" * 50_000)
    assert bucket.get_blob("stream").size == 500_000


def test_an_interrupted_upload_says_how_far_it_came(standin: StandIn, bucket: storage.Bucket) -> None:
    url = bucket.blob("slow").create_resumable_upload_session(content_type="text/plain")
    path = url.removeprefix(standin.url)

    def put(content_range: str, data: bytes = b"") -> tuple[int, str | None]:
        answer = standin.send("PUT", path, data=data, headers={"Content-Range": content_range})
        return answer.status_code, answer.headers.get("Range")

    assert put("bytes */*") == (308, None)
    assert put(f"bytes 0-{QUANTUM - 1}/*", b"a" * QUANTUM) == (308, f"bytes=0-{QUANTUM - 1}")
    assert put(f"bytes */{QUANTUM + 3}") == (308, f"bytes=0-{QUANTUM - 1}")
    assert put(f"bytes {QUANTUM}-{QUANTUM + 4}/*", b"short")[0] == 400
    assert bucket.get_blob("slow") is None
    assert put(f"bytes {QUANTUM}-{QUANTUM + 2}/{QUANTUM + 3}", b"end")[0] == 200
    assert put("bytes */*")[0] == 200
    assert bucket.blob("slow").download_as_bytes()[-4:] == b"aend"


def test_a_wrong_checksum_at_the_end_refuses_a_resumable_upload(
    standin: StandIn, bucket: storage.Bucket
) -> None:
    path = bucket.blob("a").create_resumable_upload_session().removeprefix(standin.url)
    headers = {"Content-Range": "bytes 0-0/1", "x-goog-hash": "crc32c=AAAAAA=="}
    assert standin.send("PUT", path, data=b"x", headers=headers).status_code == 400
    assert bucket.get_blob("a") is None


def test_a_session_ends_after_a_week(standin: StandIn, bucket: storage.Bucket) -> None:
    """cloud.google.com/storage/docs/resumable-uploads (Resumable uploads)"""
    path = bucket.blob("a").create_resumable_upload_session().removeprefix(standin.url)
    standin.tell("clock", advance_seconds=7 * 24 * 3600 + 1)
    assert standin.send("PUT", path, data=b"x").status_code == 410


def test_a_cancelled_upload_is_gone(standin: StandIn, bucket: storage.Bucket) -> None:
    path = bucket.blob("a").create_resumable_upload_session().removeprefix(standin.url)
    assert standin.send("DELETE", path).status_code == 499
    assert standin.send("PUT", path, headers={"Content-Range": "bytes */*"}).status_code == 404
