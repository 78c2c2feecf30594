"""Celery's broker in a folder, for a shop without Redis.

Kombu's own transport makes a message's file where the readers look and writes it afterwards: a reader that comes in
between finds it empty, and the worker ends. Its table of queues has the same gap when two processes start at once.
Here a message appears whole, by a rename, and the table is read and written under a lock.
"""

import fcntl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


def install() -> None:
    """From now on `filesystem://` means this one."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"


class Channel(filesystem.Channel):
    """Kombu's, but for how files are written."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        whole = Path(self.data_folder_out, name)
        unfinished = whole.with_name(f".{name}.unfinished")
        unfinished.write_bytes(dumps(payload).encode())
        unfinished.replace(whole)

    def get_table(self, exchange: str) -> Any:
        with self._table_locked():
            return super().get_table(exchange)  # type: ignore[no-untyped-call]

    def _queue_bind(self, *arguments: Any) -> None:
        with self._table_locked():
            super()._queue_bind(*arguments)  # type: ignore[no-untyped-call]

    @contextmanager
    def _table_locked(self) -> Iterator[None]:
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with (self.control_folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    Channel = Channel
