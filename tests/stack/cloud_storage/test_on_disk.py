"""What a person finds in the data folder, and what survives a kill at any instant."""

import contextlib
import itertools
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from google.cloud import storage

from leafloaf.stack import http
from leafloaf.stack.cloud_storage import api, names, resources
from tests.stack.cloud_storage.conftest import StandIn, client_of, close
from tests.stack.processes import wait_until


def shown(folder: pathlib.Path) -> dict[str, bytes]:
    """Every file under a bucket's `objects/`, by its relative path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def folders(folder: pathlib.Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir()}


@contextlib.contextmanager
def reopened(folder: pathlib.Path) -> Iterator[storage.Client]:
    app, store = api.build(folder)
    with http.Server(app) as server:
        client = client_of(server.url)
        yield client
        close(client)
    store.close()


# What a person sees


def test_live_objects_are_files_under_their_names(standin: StandIn, bucket: storage.Bucket) -> None:
    bucket.blob("events/20261121/one.jsonl").upload_from_string("1\n")
    bucket.blob("events/20261121/one.jsonl").upload_from_string("2\n")
    bucket.blob("épicerie.txt").upload_from_string("lait")
    root = standin.folder / "events" / "objects"
    assert shown(root) == {"events/20261121/one.jsonl": b"2\n", "épicerie.txt": b"lait"}

    bucket.blob("events/20261121/one.jsonl").delete()
    assert (shown(root), folders(root)) == ({"épicerie.txt": b"lait"}, set())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("/absolute", "%_/absolute"),
        ("a//b", "a/%_/b"),
        ("./a", "%2E/a"),
        ("a/", "a/%_"),
        ("50%", "50%25"),
        ("a\\b:c", "a%5Cb%3Ac"),
        ("tab\there", "tab%09here"),
    ],
)
def test_no_name_leaves_its_folder(standin: StandIn, bucket: storage.Bucket, name: str, path: str) -> None:
    bucket.blob(name).upload_from_string("x")
    assert shown(standin.folder / "events" / "objects") == {path: b"x"}


def test_very_long_names_are_shortened_and_stay_apart(standin: StandIn, bucket: storage.Bucket) -> None:
    for name in ("x" * 1000, "x" * 1000 + "y", "é" * 500, "/" * 1000):
        bucket.blob(name).upload_from_string(name[-1])
    root = standin.folder / "events" / "objects"
    assert sorted(shown(root).values()) == sorted([b"x", b"y", "é".encode(), b"/"])


def test_an_object_may_be_called_like_the_folder_of_another(standin: StandIn, bucket: storage.Bucket) -> None:
    for name in ("a", "a/b", "c/d", "c"):
        bucket.blob(name).upload_from_string(name)
    root = standin.folder / "events" / "objects"
    assert shown(root) == {"a": b"a", "a%2Fb%": b"a/b", "c/d": b"c/d", "c%": b"c"}
    for name in ("a", "a/b", "c/d", "c"):
        assert bucket.blob(name).download_as_text() == name
        bucket.blob(name).delete()
    assert (shown(root), folders(root)) == ({}, set())


def test_different_names_have_different_paths() -> None:
    parts = ["", ".", "..", "%", "%_", "%2E", "a", "%~"]
    spelled = ["/".join(two) for two in itertools.product(parts, repeat=2)] + parts
    assert len({names.path_of(name) for name in spelled}) == len(set(spelled))
    assert len({names.flat_path_of(name) for name in spelled}) == len(set(spelled))


def test_a_deleted_bucket_leaves_no_folder(standin: StandIn, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("x")
    bucket.blob("a").delete()
    bucket.delete()
    assert not (standin.folder / "events").exists()


# After a crash: each state a kill between two steps can leave, then a start


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A store left in order: one live object, one replaced, in a bucket that keeps versions."""
    folder = tmp_path / "data"
    with reopened(folder) as client:
        bucket = client.bucket("shop")
        bucket.versioning_enabled = True
        client.create_bucket(bucket)
        bucket.blob("dir/a").upload_from_string("1")
        bucket.blob("dir/a").upload_from_string("2")
    return folder


def test_everything_is_there_after_a_restart(folder: pathlib.Path) -> None:
    with reopened(folder) as client:
        bucket = client.get_bucket("shop")
        assert bucket.versioning_enabled
        contents = [blob.download_as_bytes() for blob in bucket.list_blobs(versions=True)]
        assert contents == [b"1", b"2"]
        assert bucket.blob("dir/a").upload_from_string("3") is None


def test_bytes_written_without_their_row_are_swept(folder: pathlib.Path) -> None:
    stray = folder / "shop" / "versions" / "99"
    stray.write_bytes(b"half")
    with reopened(folder):
        assert not stray.exists()


def test_a_row_whose_link_was_not_made_gets_it(folder: pathlib.Path) -> None:
    (folder / "shop" / "objects" / "dir" / "a").unlink()
    with reopened(folder):
        assert shown(folder / "shop" / "objects") == {"dir/a": b"2"}


def test_a_link_to_a_replaced_version_is_renewed(folder: pathlib.Path) -> None:
    old = min((folder / "shop" / "versions").iterdir(), key=lambda path: int(path.name))
    link = folder / "shop" / "objects" / "dir" / "a"
    link.unlink()
    link.hardlink_to(old)
    with reopened(folder):
        assert shown(folder / "shop" / "objects") == {"dir/a": b"2"}


def test_a_link_left_by_a_deletion_goes(folder: pathlib.Path) -> None:
    left = folder / "shop" / "objects" / "gone" / "b"
    left.parent.mkdir()
    left.write_bytes(b"x")
    with reopened(folder):
        assert shown(folder / "shop" / "objects") == {"dir/a": b"2"}
        assert folders(folder / "shop" / "objects") == {"dir"}


def test_the_folder_of_a_deleted_bucket_goes(folder: pathlib.Path) -> None:
    (folder / "ghost" / "versions").mkdir(parents=True)
    (folder / "ghost" / "versions" / "1").write_bytes(b"x")
    with reopened(folder):
        assert not (folder / "ghost").exists()


def test_an_upload_in_chunks_goes_on_after_a_restart(tmp_path: pathlib.Path) -> None:
    quantum = 256 * 1024

    def put(client: storage.Client, path: str, first: int, data: bytes, total: str) -> requests.Response:
        headers = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}"}
        return requests.put(client._connection.API_BASE_URL + path, data=data, headers=headers, timeout=60)

    with reopened(tmp_path / "data") as client:
        url = client.create_bucket("shop").blob("big").create_resumable_upload_session()
        path = url.removeprefix(client._connection.API_BASE_URL)
        assert put(client, path, 0, b"a" * quantum, "*").status_code == 308
    with reopened(tmp_path / "data") as client:
        assert put(client, path, quantum, b"b", str(quantum + 1)).status_code == 200
        assert client.bucket("shop").get_blob("big").size == quantum + 1


def test_two_processes_do_not_share_a_folder(folder: pathlib.Path) -> None:
    with reopened(folder), pytest.raises(SystemExit, match="Another process"):
        api.build(folder)


# The real process


class Process:
    """`python -m leafloaf.stack.cloud_storage` on a free port."""

    def __init__(self, folder: pathlib.Path) -> None:
        command = [sys.executable, "-m", "leafloaf.stack.cloud_storage", "--data", str(folder)]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout
        self.url = self.popen.stdout.readline().removeprefix("listening on ").strip()

    def end(self, number: signal.Signals) -> int:
        self.popen.send_signal(number)
        code = self.popen.wait(60)
        assert self.popen.stdout
        self.popen.stdout.close()
        return code


class Writer(threading.Thread):
    """Writes, replaces and deletes until the connection breaks; remembers what was acknowledged."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self.url, self.number = url, number
        self.done: dict[str, bytes | None] = {}
        self.doing: tuple[str, bytes | None] = ("", None)

    def run(self) -> None:
        with requests.Session() as session, contextlib.suppress(requests.RequestException):
            for n in itertools.count():
                name = f"w{self.number}/{n % 7}"
                self.doing = name, None if n % 5 == 4 else f"{self.number} {n} ".encode() * 500
                self.apply(session, *self.doing)
                self.done[name] = self.doing[1]

    def apply(self, session: requests.Session, name: str, content: bytes | None) -> None:
        quoted = name.replace("/", "%2F")
        if content is None:
            session.delete(f"{self.url}/storage/v1/b/shop/o/{quoted}", timeout=60)
        else:
            query = f"uploadType=media&name={quoted}"
            session.post(f"{self.url}/upload/storage/v1/b/shop/o?{query}", data=content, timeout=60)


@pytest.mark.parametrize("seconds", [0.3, 0.45, 0.6])
def test_kill_9_under_load_loses_nothing_that_was_acknowledged(
    tmp_path: pathlib.Path, seconds: float
) -> None:
    folder = tmp_path / "data"
    process = Process(folder)
    client = client_of(process.url)
    client.create_bucket("shop")
    close(client)
    writers = [Writer(process.url, number) for number in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: all(writer.done for writer in writers), "all of them write")
    time.sleep(seconds)
    assert process.end(signal.SIGKILL) == -signal.SIGKILL
    for writer in writers:
        writer.join(60)

    with reopened(folder) as client:
        bucket = client.get_bucket("shop")
        found = {blob.name: (blob, blob.download_as_bytes()) for blob in bucket.list_blobs()}
        assert all(blob.crc32c == resources.crc32c(content) for blob, content in found.values())
        for writer in writers:
            for name, content in writer.done.items():
                actual = found[name][1] if name in found else None
                assert actual == content or (name, actual) == writer.doing
        contents = {name: content for name, (_, content) in found.items()}
        assert shown(folder / "shop" / "objects") == contents


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_when_asked(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    process = Process(tmp_path / "data")
    assert requests.get(f"{process.url}/_standin/health", timeout=60).json() == {"status": "ok"}
    assert process.end(number) == 0
