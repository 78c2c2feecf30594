"""A zip of JSONL, written row by row: never more than a row in memory."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Any, Self
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

MOST_BYTES = 100_000_000
RESERVE = 1_000_000
"""For the readme and the zip's own table at its end."""

encoder = msgspec.json.Encoder()


class Archive:
    """The zip of one export. The same rows give the same bytes.

    Attributes:
        rows: how many each file has, by its name without suffix.
        left_out: how many rows of a file had no room.
    """

    def __init__(self, file: IO[bytes], made_at: datetime, most_bytes: int = MOST_BYTES) -> None:
        self.rows: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._zip = ZipFile(file, "w", ZIP_DEFLATED)
        self._file = file
        self._room = most_bytes - RESERVE
        self._date = made_at.astimezone(UTC).timetuple()[:6]
        self._asked = self._name = ""
        self._open: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_file()
        self._zip.close()

    def add(self, rows: Iterable[tuple[str, dict[str, Any]]], folder: str = "") -> None:
        """Writes each row to the file it names; the rows of a file come one after another."""
        for name, row in rows:
            self.begin_file(folder + name)
            line = encoder.encode(row) + b"\n"
            if self._open is None or self._file.tell() + len(line) > self._room:
                self.left_out[self._name] += 1
                continue
            self._open.write(line)
            self.rows[self._name] += 1
        self.end_file()

    def text(self, name: str, text: str) -> None:
        self.end_file()
        self._zip.writestr(self._info(name), text.encode())

    def begin_file(self, name: str) -> None:
        if self._open and name == self._asked:
            return
        self.end_file()
        self._asked, self._name = name, self._unused(name)
        self._open = self._zip.open(self._info(f"{self._name}.jsonl"), "w", force_zip64=True)

    def end_file(self) -> None:
        if self._open:
            self._open.close()
        self._open = None

    def _unused(self, name: str) -> str:
        """The name, or with a number when two holders have a file of this name."""
        taken, number, unused = set(self._zip.namelist()), 1, name
        while f"{unused}.jsonl" in taken:
            number += 1
            unused = f"{name}-{number}"
        return unused

    def _info(self, path: str) -> ZipInfo:
        info = ZipInfo(path, self._date)
        info.compress_type = ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return info
