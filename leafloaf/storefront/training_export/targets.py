"""Where an export goes: a bucket, an object for each file of a day, or one file with everything."""

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from django.conf import settings

from capture import sinks
from capture.sinks import cloud_storage_objects as objects
from capture.sinks.cloud_storage import CloudStorageSink
from leafloaf.storefront.training_export import shapes
from leafloaf.storefront.training_export.day import LESSONS, MANIFEST, SEARCHES, Day, name_of

PREFIX = f"training/v{shapes.SCHEMA_VERSION}/"
DAY = re.compile(r"\d{4}-\d\d-\d\d")
COMPLETE = {"leafloaf-complete": "true"}
"""On the manifest of a day that nothing can be added to."""


class NoTarget(Exception):
    """There is nowhere to export to; the text says what to do about it."""


class Target(ABC):
    """Takes the days of one export, in order."""

    title: str

    @abstractmethod
    def take(self, day: Day, *, is_complete: bool) -> None:
        """Stores the day's files in place of those of an earlier export.

        Raises:
            Unavailable, Misconfigured, BatchRefused: the store did not take them.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Bucket(Target):
    """`training/v1/DAY/INTENT.searches.jsonl` and so on; a manifest is written after what it names."""

    def __init__(self, sink: CloudStorageSink, prefix: str = PREFIX) -> None:
        self.sink = sink
        self.prefix = prefix
        self.title = f"gs://{sink.bucket_name}/{prefix}"

    def take(self, day: Day, *, is_complete: bool) -> None:
        folder = self.folder(day.day)
        found = objects.held(self.sink, folder)
        for label in day.labels:
            names = day.files_of(label)
            for end in (SEARCHES, LESSONS):
                if name_of(label, end) not in names and (old := found.get(folder + name_of(label, end))):
                    objects.remove(self.sink, old)
            for name in names:
                metadata = COMPLETE if is_complete and name.endswith(MANIFEST) else None
                objects.put(self.sink, folder + name, day.folder / name, found.get(folder + name), metadata)

    def days(self) -> set[date]:
        """The days of which there is anything."""
        names = objects.held(self.sink, self.prefix)
        days = {name.removeprefix(self.prefix).partition("/")[0] for name in names}
        return {date.fromisoformat(day) for day in days if DAY.fullmatch(day)}

    def folder(self, day: date) -> str:
        return f"{self.prefix}{day.isoformat()}/"

    def complete(self, since: date, labels: Sequence[str]) -> set[date]:
        """The days from `since` on that are here with every intent, and that nothing can be added to."""
        found = objects.held(self.sink, self.prefix, self.prefix + since.isoformat())
        counted: dict[str, int] = {}
        for name, blob in found.items():
            day, _, file = name.removeprefix(self.prefix).partition("/")
            if (blob.metadata or {}) == COMPLETE and file.removesuffix(f".{MANIFEST}") in labels:
                counted[day] = counted.get(day, 0) + 1
        return {date.fromisoformat(day) for day, count in counted.items() if count == len(labels)}


class File(Target):
    """Everything in one file, lessons and manifests beside it; they are there when all of it is.

    `out.jsonl` has the searches, `out.lessons.jsonl` the lessons, `out.manifest.jsonl` a manifest a line.
    """

    def __init__(self, path: Path) -> None:
        self.title = str(path)
        stem = path.with_suffix("") if path.suffix == ".jsonl" else path
        self.paths = {
            SEARCHES: path,
            LESSONS: Path(f"{stem}.{LESSONS}"),
            MANIFEST: Path(f"{stem}.manifest.jsonl"),
        }

    def __enter__(self) -> Self:
        self.files: dict[str, IO[bytes]] = {
            end: self._partial(path).open("wb") for end, path in self.paths.items()
        }
        return self

    def take(self, day: Day, *, is_complete: bool) -> None:
        for label in day.labels:
            for name in day.files_of(label):
                end = name.removeprefix(f"{label}.")
                with (day.folder / name).open("rb") as rows:
                    shutil.copyfileobj(rows, self.files[end])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end, path in self.paths.items():
            self.files[end].close()
            if kind is None:
                self._partial(path).replace(path)
            else:
                self._partial(path).unlink(missing_ok=True)

    @staticmethod
    def _partial(path: Path) -> Path:
        return path.with_name(f".{path.name}.part")


def of(out: str) -> Target:
    """A file's path, `gs://bucket` or `gs://bucket/prefix`; the configured bucket when it is empty.

    Raises:
        NoTarget: Cloud Storage is off, or the address is none.
    """
    if not out:
        return configured()
    if not out.startswith("gs://"):
        path = Path(out)
        if path.is_dir() or not path.parent.is_dir():
            raise NoTarget(f"{out} is no file that can be written.")
        return File(path)
    bucket, _, prefix = out.removeprefix("gs://").partition("/")
    if not bucket:
        raise NoTarget(f"{out} names no bucket: write gs://BUCKET/PREFIX.")
    options = settings.SINKS["cloud_storage"]["OPTIONS"] | {"bucket": bucket}
    return Bucket(CloudStorageSink(**options), f"{prefix.rstrip('/')}/" if prefix else PREFIX)


def configured() -> Bucket:
    """The bucket of the settings.

    Raises:
        NoTarget: Cloud Storage is off.
    """
    if not sinks.is_enabled("cloud_storage"):
        raise NoTarget("Cloud Storage is off: name a file or a bucket, or set CLOUD_STORAGE_ENABLED.")
    return usual()


def usual() -> Bucket:
    """The bucket of the settings, though it may be switched off.

    Raises:
        NoTarget: the settings name none.
    """
    sink = sinks.get("cloud_storage")
    if not isinstance(sink, CloudStorageSink):
        raise NoTarget("The sink named cloud_storage is none of Cloud Storage: name a file or a bucket.")
    return Bucket(sink)
