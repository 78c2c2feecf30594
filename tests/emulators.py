"""Google's emulators, where gcloud has them: found, started, and ended with who asked."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leafloaf.stack import ports


class NotHere(Exception):
    """There is no emulator on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Emulator:
    """`variable` names one that runs already; `program` is where gcloud keeps it, `component` what it calls it."""

    name: str
    variable: str
    program: str
    component: str
    address: str
    """The argument that says where to listen."""
    seconds: float
    needs: tuple[str, ...] = ("gcloud",)
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator[str]:
        """The address, `host:port`, of one that runs already or that ends with the block.

        Raises:
            NotHere: see there.
        """
        if address := os.environ.get(self.variable):
            yield address
            return
        port = ports.any_free()
        started = subprocess.Popen(
            [str(self._found()), *self.address.format(port=port).split()],
            env=os.environ | dict(self.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait(started, port)
            yield f"127.0.0.1:{port}"
        finally:
            started.kill()
            started.wait()

    def _found(self) -> Path:
        programs = [shutil.which(name) for name in self.needs]
        if not all(programs):
            needs = " and ".join(self.needs)
            raise NotHere(
                f"Google's {self.name} emulator needs {needs}, and {self.variable} names none that runs"
            )
        found = Path(str(programs[0])).resolve().parent.parent / self.program
        if not found.is_file():
            raise NotHere(f"gcloud has no {self.name} emulator: gcloud components install {self.component}")
        return found

    def _wait(self, started: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline and started.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise NotHere(f"Google's {self.name} emulator does not start here")


PUBSUB = Emulator(
    name="Pub/Sub",
    variable="PUBSUB_EMULATOR_HOST",
    program="platform/pubsub-emulator/bin/cloud-pubsub-emulator",
    component="pubsub-emulator",
    address="--host=127.0.0.1 --port={port}",
    seconds=60,
    needs=("gcloud", "java"),
    environment={"JAVA_OPTS": "-Xmx256m"},
)
SPANNER = Emulator(
    name="Spanner",
    variable="SPANNER_EMULATOR_HOST",
    program="bin/cloud_spanner_emulator/emulator_main",
    component="cloud-spanner-emulator",
    address="--host_port=127.0.0.1:{port}",
    seconds=30,
)
"""Tables and transactions, but no property graphs."""
