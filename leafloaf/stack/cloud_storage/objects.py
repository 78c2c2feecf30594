"""The store: buckets, object versions and upload sessions in SQLite, their bytes in `files`.

A version exists when its row is committed. Its bytes are written before that, and the `objects/`
tree follows after; so a kill at any instant leaves at worst a file without a row, or a link behind
its row, and `_repair` puts both right at the next start. Bytes are not fsynced: this survives the
death of the process, not of the machine.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import logging
import pathlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

from leafloaf.stack.cloud_storage import resources
from leafloaf.stack.cloud_storage.files import Files
from leafloaf.stack.cloud_storage.resources import LIVE, NONCURRENT, SOFT_DELETED, Resource, Version
from leafloaf.stack.http import ApiError

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, resource TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS versions (
    generation INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    shown_as TEXT NOT NULL,
    resource TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_by_name ON versions (bucket, name, generation);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_version ON versions (bucket, name) WHERE state = 'live';
CREATE INDEX IF NOT EXISTS soft_deleted_versions ON versions (generation) WHERE state = 'soft_deleted';
CREATE TABLE IF NOT EXISTS latest (only INTEGER PRIMARY KEY CHECK (only = 1), generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, session TEXT NOT NULL);
INSERT OR IGNORE INTO latest VALUES (1, 0);
"""


class Store:
    """All reading and writing. One process at a time, any number of threads: one lock orders them."""

    def __init__(self, folder: pathlib.Path, now: Callable[[], dt.datetime]) -> None:
        self.folder = folder
        self.now = now
        self._lock = threading.RLock()
        self._after_commit: list[Callable[[], None]] = []
        self.files = Files(folder)
        self._db = sqlite3.connect(folder / "_metadata.sqlite3", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        self._repair()

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self.files.release()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Everything inside sees one state of the store."""
        with self._lock:
            yield

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing; what touches the visible files waits until the rows are committed."""
        with self._lock:
            self._after_commit.clear()
            with self._db:
                yield
            for act in self._after_commit:
                self._follow_up(act)

    def _follow_up(self, act: Callable[[], None]) -> None:
        """The change is made whatever becomes of this: only what people look at lags behind."""
        try:
            act()
        except OSError:
            log.exception("the files in %s do not show the latest change until a restart", self.folder)

    # Buckets

    def buckets(self, prefix: str) -> list[Resource]:
        with self._lock:
            rows = self._db.execute("SELECT resource FROM buckets ORDER BY name").fetchall()
        found: list[Resource] = [json.loads(row[0]) for row in rows]
        return [bucket for bucket in found if bucket["name"].startswith(prefix)]

    def find_bucket(self, name: str) -> Resource | None:
        with self._lock:
            row = self._db.execute("SELECT resource FROM buckets WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def bucket(self, name: str) -> Resource:
        """The bucket, or ApiError 404."""
        found = self.find_bucket(name)
        if found is None:
            raise ApiError(404, "notFound", "The specified bucket does not exist.")
        return found

    def save_bucket(self, resource: Resource) -> None:
        name = resource["name"]
        self._db.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?)", (name, json.dumps(resource)))
        self._after_commit.append(lambda: self.files.make_folders(name))

    def remove_bucket(self, name: str) -> None:
        """Forget an empty bucket; soft-deleted objects in it go with it."""
        held = "SELECT 1 FROM versions WHERE bucket = ? AND state != ? LIMIT 1"
        if self._db.execute(held, (name, SOFT_DELETED)).fetchone():
            raise ApiError(409, "conflict", "The bucket you tried to delete is not empty.")
        self._db.execute("DELETE FROM versions WHERE bucket = ?", (name,))
        self._db.execute("DELETE FROM buckets WHERE name = ?", (name,))
        self._after_commit.append(lambda: self.files.remove_bucket(name))

    # Object versions

    def find(self, bucket: str, name: str, generation: int | None = None) -> Version | None:
        """The live version, or the live or noncurrent one of that generation."""
        if generation is None:
            return self._one("bucket = ? AND name = ? AND state = 'live'", bucket, name)
        found = self._one("bucket = ? AND name = ? AND generation = ?", bucket, name, generation)
        return found if found and found.state != SOFT_DELETED else None

    def find_soft_deleted(self, bucket: str, name: str, generation: int) -> Version | None:
        found = self._one("bucket = ? AND name = ? AND generation = ?", bucket, name, generation)
        return found if found and found.state == SOFT_DELETED else None

    def after(
        self, bucket: str, states: tuple[str, ...], start: str = "", last: tuple[str, int] = ("", -1)
    ) -> Iterator[Version]:
        """Versions in order of name and generation, from name `start` on and beyond `last`."""
        marks = ", ".join("?" * len(states))
        where = f"bucket = ? AND state IN ({marks}) AND name >= ? AND (name, generation) > (?, ?)"
        return self._many(f"{where} ORDER BY name, generation", bucket, *states, start, *last)

    def content(self, version: Version) -> bytes:
        return self.files.read(version)

    def put(self, bucket: Resource, name: str, data: bytes, fields: Resource) -> Version:
        """Write a new live version; what it replaces is kept as the bucket's policies say."""
        previous = self.find(bucket["name"], name)
        if previous:
            self.retire(bucket, previous)
        generation = self._next_generation()
        resource = self._described(bucket["name"], name, generation, fields)
        shown_as = self.files.free_path(bucket["name"], name)
        version = Version(generation, bucket["name"], name, LIVE, shown_as, resource)
        self.files.write(version, data)
        self._insert(version)
        self._after_commit.append(lambda: self.files.show(version))
        return version

    def retire(self, bucket: Resource, version: Version, *, named: bool = False) -> None:
        """Take a version away, as deleting or replacing it does; `named` when by generation.

        https://cloud.google.com/storage/docs/object-versioning: a live version becomes noncurrent
        unless its generation was given; https://cloud.google.com/storage/docs/soft-delete: whatever
        else disappears stays soft-deleted for the time in force now.
        """
        if version.state == LIVE:
            self._after_commit.append(lambda: self.files.hide(version))
        if version.state == LIVE and not named and resources.keeps_versions(bucket):
            self.replace(version, state=NONCURRENT, timeDeleted=resources.stamp(self.now()))
        elif seconds := resources.retention_seconds(bucket):
            until = self.now() + dt.timedelta(seconds=seconds)
            times = {"softDeleteTime": resources.stamp(self.now()), "hardDeleteTime": resources.stamp(until)}
            self.replace(version, state=SOFT_DELETED, **times)
        else:
            self._remove(version)

    def replace(self, version: Version, *, state: str | None = None, **fields: Any) -> Version:
        """Change a version's state, or fields of its resource; its bytes never change."""
        changed = dataclasses.replace(
            version, state=state or version.state, resource={**version.resource, **fields}
        )
        return self.rewrite(changed)

    def rewrite(self, version: Version) -> Version:
        self._db.execute(
            "UPDATE versions SET state = ?, resource = ? WHERE generation = ?",
            (version.state, json.dumps(version.resource), version.generation),
        )
        return version

    def expire(self) -> list[str]:
        """Remove for good what has been soft-deleted for long enough."""
        now = resources.stamp(self.now())
        gone = [v for v in self._many("state = 'soft_deleted'") if v.resource["hardDeleteTime"] <= now]
        for version in gone:
            self._remove(version)
        return [version.id for version in gone]

    # Upload sessions

    def find_session(self, upload: str) -> Resource | None:
        row = self._db.execute("SELECT session FROM uploads WHERE id = ?", (upload,)).fetchone()
        return json.loads(row[0]) if row else None

    def save_session(self, upload: str, session: Resource) -> None:
        self._db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?)", (upload, json.dumps(session)))

    def remove_session(self, upload: str) -> None:
        self._db.execute("DELETE FROM uploads WHERE id = ?", (upload,))

    # Rows

    def _one(self, where: str, *values: Any) -> Version | None:
        return next(self._many(where, *values), None)

    def _many(self, where: str, *values: Any) -> Iterator[Version]:
        columns = "generation, bucket, name, state, shown_as, resource"
        query = f"SELECT {columns} FROM versions WHERE {where}"  # noqa: S608 - our own literals
        for generation, bucket, name, state, shown_as, resource in self._db.execute(query, values):
            yield Version(generation, bucket, name, state, shown_as, json.loads(resource))

    def _insert(self, version: Version) -> None:
        values = (*dataclasses.astuple(version)[:5], json.dumps(version.resource))
        self._db.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)", values)

    def _remove(self, version: Version) -> None:
        self._db.execute("DELETE FROM versions WHERE generation = ?", (version.generation,))
        self._after_commit.append(lambda: self.files.remove(version))

    def _next_generation(self) -> int:
        """Microseconds, but never the same or a smaller one again, even when the clock goes back."""
        latest: int = self._db.execute("SELECT generation FROM latest").fetchone()[0]
        generation = max(latest + 1, int(self.now().timestamp() * 1_000_000))
        self._db.execute("UPDATE latest SET generation = ?", (generation,))
        return generation

    def _described(self, bucket: str, name: str, generation: int, fields: Resource) -> Resource:
        now = resources.stamp(self.now())
        return {
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            **fields,
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "name": name,
            "bucket": bucket,
            "generation": str(generation),
            "metageneration": "1",
            "etag": resources.etag(generation, 1),
            "timeCreated": now,
            "updated": now,
            "timeStorageClassUpdated": now,
            "timeFinalized": now,
        }

    def _repair(self) -> None:
        """Make the files agree with the rows, whatever instant the last process died at."""
        buckets = [bucket["name"] for bucket in self.buckets("")]
        self.files.sweep_buckets(set(buckets))
        for bucket in buckets:
            self.files.repair(bucket, list(self._many("bucket = ?", bucket)))
        self.files.sweep_uploads({row[0] for row in self._db.execute("SELECT id FROM uploads")})
