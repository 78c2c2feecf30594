"""Lists. Source: cloud.google.com/storage/docs/json_api/v1/objects/list (Objects: list)."""

import pytest
from google.cloud import storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stack.cloud_storage.conftest import StandIn

NAMES = ["a", "a/", "a/1", "a/2", "a/b/3", "b", "b/4", "c", "é"]


@pytest.fixture
def full(bucket: storage.Bucket) -> storage.Bucket:
    for name in reversed(NAMES):
        bucket.blob(name).upload_from_string("x")
    return bucket


def test_names_come_in_order_of_their_bytes(full: storage.Bucket) -> None:
    assert [blob.name for blob in full.list_blobs()] == NAMES


def test_a_prefix_and_a_delimiter_list_like_a_folder(full: storage.Bucket) -> None:
    listing = full.list_blobs(prefix="a/", delimiter="/")
    assert [blob.name for blob in listing] == ["a/", "a/1", "a/2"]
    assert listing.prefixes == {"a/b/"}
    listing = full.list_blobs(delimiter="/")
    assert [blob.name for blob in listing] == ["a", "b", "c", "é"]
    assert listing.prefixes == {"a/", "b/"}


def test_a_trailing_delimiter_can_be_an_item_too(full: storage.Bucket) -> None:
    listing = full.list_blobs(delimiter="/", include_trailing_delimiter=True)
    assert [blob.name for blob in listing] == ["a", "a/", "b", "c", "é"]


def test_offsets_include_the_start_and_exclude_the_end(full: storage.Bucket) -> None:
    names = [blob.name for blob in full.list_blobs(start_offset="a/2", end_offset="b/4")]
    assert names == ["a/2", "a/b/3", "b"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("delimiter", [None, "/"])
def test_pages_add_up_to_the_whole(full: storage.Bucket, size: int, delimiter: str | None) -> None:
    whole, paged = full.list_blobs(delimiter=delimiter), full.list_blobs(delimiter=delimiter, page_size=size)
    pages = [[blob.name for blob in page] for page in paged.pages]
    assert [name for page in pages for name in page] == [blob.name for blob in whole]
    assert paged.prefixes == whole.prefixes
    assert all(len(page) <= size for page in pages)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.sets(st.text("ab/", min_size=1, max_size=5), max_size=12),
    prefix=st.text("ab/", max_size=2),
    delimiter=st.sampled_from(["", "/", "b"]),
    size=st.integers(1, 4),
)
def test_paging_never_loses_or_repeats(
    client: storage.Client, names: set[str], prefix: str, delimiter: str, size: int
) -> None:
    bucket = client.lookup_bucket("many") or client.create_bucket("many")
    for blob in bucket.list_blobs():
        blob.delete()
    for name in names:
        bucket.blob(name).upload_from_string("x")
    listing = bucket.list_blobs(prefix=prefix, delimiter=delimiter or None, page_size=size)

    found = [blob.name for blob in listing]
    matching = sorted(name for name in names if name.startswith(prefix))
    folders = {
        name[: name.index(delimiter, len(prefix)) + 1]
        for name in matching
        if delimiter and delimiter in name[len(prefix) :]
    }
    assert found == [name for name in matching if not delimiter or delimiter not in name[len(prefix) :]]
    assert listing.prefixes == folders


def test_a_bad_page_token_or_size_is_refused(standin: StandIn, full: storage.Bucket) -> None:
    for query in ("pageToken=nonsense!", "maxResults=0", "maxResults=many", "versions=true&softDeleted=true"):
        assert standin.send("GET", f"/storage/v1/b/{full.name}/o?{query}").status_code == 400


def test_a_filter_the_stand_in_does_not_know_is_refused(standin: StandIn, full: storage.Bucket) -> None:
    assert standin.send("GET", f"/storage/v1/b/{full.name}/o?matchGlob=**").status_code == 501
