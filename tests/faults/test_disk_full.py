"""A full disk under Postgres: nobody is told 202 for what is not kept, and all goes on when there is room again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from leafloaf.stack.services import POSTGRES
from leafloaf.stack.throwaway import EXISTING_DATABASE, ThrowawayStack
from tests.config import application
from tests.faults.load import batch_of, post
from tests.faults.nursery import nursery
from tests.faults.shop import DEMO_KEY, wait_until

MEGABYTES = 160


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, for which one has to be root."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here: it takes root and CAP_SYS_ADMIN")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Writes until there is no room left; to be unlinked."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            return ballast


def kept(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {event_id for (event_id,) in connection.execute("SELECT event_id FROM capture_event")}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.environ.get(EXISTING_DATABASE):
        pytest.skip(f"{EXISTING_DATABASE} names a Postgres whose disk is not ours to fill")
    pytests_own = [folder for folder in [tmp_path, *tmp_path.parents] if folder.name.startswith("pytest-")]
    for above in [tmp_path, *pytests_own]:
        above.chmod(above.stat().st_mode | 0o055)  # for the account that Postgres runs as
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.slow
def test_a_full_disk_refuses_events_and_loses_none_that_were_accepted(disk: Path, tmp_path: Path) -> None:
    stack = ThrowawayStack(disk, [POSTGRES])
    stack.start()
    environment = {**os.environ, **stack.environment, **application.QUIET, "PYTHONWARNINGS": ""}
    environment |= application.switched(False, False, False) | {"LEAFLOAF_VAR": str(tmp_path)}
    try:
        with nursery(environment, tmp_path / "commands.log") as commands:
            commands.run("migrate", "--no-input", "-v0")
            commands.run("load_demo")
        with application.web(environment, tmp_path, DEMO_KEY) as web:
            accepted, refused = send_until_refused(web.port, fill_at=20, disk=disk)
            assert kept_or_away(environment["DATABASE_URL"]) in (None, accepted)
            (disk / "ballast").unlink()
            if not stack["postgres"].is_running():
                stack["postgres"].start()
            wait_until(
                lambda: post(web.port, DEMO_KEY, {"events": refused})[0] == 202, "there is room again", 60
            )
            assert kept(environment["DATABASE_URL"]) == accepted | {event["event_id"] for event in refused}
    finally:
        stack.stop()


def send_until_refused(port: int, fill_at: int, disk: Path) -> tuple[set[str], list[dict[str, object]]]:
    """The ids accepted, and the first batch that was not; the disk fills up on the way."""
    accepted: set[str] = set()
    for number in range(2000):
        if number == fill_at:
            fill(disk)
        events = batch_of("full", number, 500)
        status, headers, document = post(port, DEMO_KEY, {"events": events})
        if status != 202:
            assert (status, document["code"]) == (503, "database_away")
            assert headers["Retry-After"]
            return accepted, events
        accepted.update(event["event_id"] for event in events)
    raise AssertionError("the disk never filled up")


def kept_or_away(url: str) -> set[str] | None:
    """What the log holds; None when the full disk has stopped the server."""
    try:
        return kept(url)
    except psycopg.OperationalError:
        return None
