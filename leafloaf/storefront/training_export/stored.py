"""A day as the bucket holds it: what is there, and whether that is what the log gives today."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from capture import log as events
from capture import sinks
from capture.sinks import cloud_storage_objects as objects
from leafloaf.storefront import training_export
from leafloaf.storefront.training_export import log, targets
from leafloaf.storefront.training_export.day import LESSONS, MANIFEST, SEARCHES, Day, digest_of, name_of
from leafloaf.storefront.training_export.log import LABELS, Only

DAMAGED: dict[str, Any] = {"searches": -1, "files": []}


class Stored:
    """One exported day in the bucket of the settings."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.bucket = targets.usual()
        self.folder = self.bucket.folder(day)

    @cached_property
    def found(self) -> dict[str, Any]:
        """The objects by name within the day."""
        held = objects.held(self.bucket.sink, self.folder)
        return {name.removeprefix(self.folder): blob for name, blob in held.items()}

    def excess(self) -> int:
        """How many searches the manifests count that the log does not hold, and how many files they do not describe.

        0 when the day is what the log gives today.
        """
        counts = log.searches(self.day)
        described: set[str] = set()
        excess = 0
        for label in LABELS:
            if (manifest := self._manifest(label)) is None:
                continue
            described |= {name_of(label, MANIFEST), *(file["name"] for file in manifest["files"])}
            excess += abs(manifest["searches"] - counts.get(label, 0))
            excess += sum(self._digest(file["name"]) != file["sha256"] for file in manifest["files"])
        return excess + len(self.found.keys() - described)

    def make_anew(self) -> None:
        """Exports the day again from the log as it is, or removes it where the log cannot give the whole of it."""
        if self.excess():
            labels = self._labels() if self._can_be_exported() else []
            for name, blob in self.found.items():
                if name.partition(".")[0] not in labels:
                    objects.remove(self.bucket.sink, blob)
            if labels:
                list(training_export.export([self.day], labels, self.bucket))
        objects.remove_older(self.bucket.sink, self.folder)

    def _labels(self) -> list[str]:
        """The intents that were exported."""
        begun = {name.partition(".")[0] for name in self.found}
        return [label for label in LABELS if label in begun]

    def _can_be_exported(self) -> bool:
        """Not where the log has dropped the day, nor before it is over: the schedule will export it then."""
        is_held = events.oldest_day() <= self.day < datetime.now(UTC).date()
        return is_held and sinks.is_enabled("cloud_storage")

    def rows_of(self, only: Only) -> Iterator[tuple[str, bytes]]:
        """Which of the rows and lessons are this person's, each with the end of its file's name."""
        with tempfile.TemporaryDirectory(prefix="leafloaf-training-") as folder:
            theirs = Day(self.day, LABELS, Path(folder), only)
            theirs.write(datetime.now(UTC))
            for label in LABELS:
                for end in (SEARCHES, LESSONS):
                    path = Path(folder) / name_of(label, end)
                    wanted = Counter(path.read_bytes().splitlines()) if path.exists() else Counter[bytes]()
                    for row in self._lines(path.name) if wanted else ():
                        if wanted[row] > 0:
                            wanted[row] -= 1
                            yield end, row

    def _lines(self, name: str) -> Iterator[bytes]:
        with tempfile.NamedTemporaryFile(prefix="leafloaf-training-") as file:
            if name in self.found and objects.fetch(self.found[name], Path(file.name)):
                with Path(file.name).open("rb") as lines:
                    yield from (line.rstrip(b"\n") for line in lines)

    def _manifest(self, label: str) -> dict[str, Any] | None:
        if (name := name_of(label, MANIFEST)) not in self.found:
            return None
        try:
            manifest: dict[str, Any] = json.loads(b"\n".join(self._lines(name)))
        except ValueError:
            return DAMAGED
        return manifest

    def _digest(self, name: str) -> str:
        with tempfile.NamedTemporaryFile(prefix="leafloaf-training-") as file:
            if name not in self.found or not objects.fetch(self.found[name], Path(file.name)):
                return ""
            return digest_of(Path(file.name))
