"""The broker in a folder: whoever writes and reads at once, each message arrives whole and once."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.virtual import Empty

WRITERS, EACH = 4, 250
WRITE = """
import sys
from kombu import Connection
from leafloaf.lib import folder_broker
folder_broker.install()
folder, writer, count = sys.argv[1:]
options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"}
with Connection("filesystem://", transport_options=options) as connection:
    queue = connection.SimpleQueue("celery")
    for number in range(int(count)):
        queue.put(f"{writer}-{number}" + "x" * 2000)
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Connection]:
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
        "polling_interval": 0.01,
    }
    with Connection("filesystem://", transport_options=options) as connection:
        yield connection


def test_leafloaf_has_its_own() -> None:
    assert TRANSPORT_ALIASES["filesystem"] == "leafloaf.lib.folder_broker:Transport"


def test_many_writers_and_a_reader_that_never_waits(broker: Connection, tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(tmp_path), str(writer), str(EACH)], cwd=settings.BASE_DIR
        )
        for writer in range(WRITERS)
    ]
    queue = broker.SimpleQueue("celery")
    arrived: Counter[str] = Counter()
    while any(writer.poll() is None for writer in writers) or queue.qsize():
        try:
            message = queue.get_nowait()
        except Empty:
            continue
        message.ack()
        arrived[message.payload.rstrip("x")] += 1
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert set(arrived.values()) == {1}
    assert len(arrived) == WRITERS * EACH
    assert [file.name for file in tmp_path.iterdir()] == ["control"]
