"""Google's Spanner emulator, where gcloud has it: tables and transactions, but no property graphs."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leafloaf.stack import ports

RUNNING = "SPANNER_EMULATOR_HOST"
PROGRAM = "bin/cloud_spanner_emulator/emulator_main"
SECONDS = 30.0


class NotHere(Exception):
    """There is no emulator on this machine; the text says what is missing."""


def program() -> Path:
    """
    Raises:
        NotHere: see there.
    """
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise NotHere(
            f"there is no gcloud with Google's Spanner emulator, and {RUNNING} names none that runs"
        )
    found = Path(gcloud).resolve().parent.parent / PROGRAM
    if not found.is_file():
        raise NotHere("gcloud has no Spanner emulator: gcloud components install cloud-spanner-emulator")
    return found


@contextmanager
def running() -> Iterator[str]:
    """The address, `host:port`, of one that runs already or that ends with the block.

    Raises:
        NotHere: see there.
    """
    if address := os.environ.get(RUNNING):
        yield address
        return
    port = ports.any_free()
    started = subprocess.Popen(
        [str(program()), f"--host_port=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(started, port)
        yield f"127.0.0.1:{port}"
    finally:
        started.kill()
        started.wait()


def _wait(started: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise NotHere("Google's Spanner emulator does not start here")
