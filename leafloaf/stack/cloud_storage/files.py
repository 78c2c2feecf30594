"""The data folder, as a person sees it.

    DIR/_metadata.sqlite3        buckets, object versions, upload sessions (see `objects`)
    DIR/_uploads/ID              what has arrived of an unfinished resumable upload
    DIR/BUCKET/versions/GEN      the bytes of one version, written once, never changed
    DIR/BUCKET/objects/NAME      the live version again, as a hard link, for people to look at

Requests are answered from `versions/`; `objects/` is never read, so it may lag, and can be rebuilt.
"""

import fcntl
import logging
import os
import pathlib
import shutil
from collections.abc import Iterable

from leafloaf.stack.cloud_storage import names
from leafloaf.stack.cloud_storage.resources import LIVE, Version

log = logging.getLogger(__name__)

LONGEST_SHOWN_PATH = 2000  # bytes; operating systems allow 4096 for the whole path


class Files:
    """Belongs to one process: a second one on the same folder is refused."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.uploads = folder / "_uploads"
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._claim = _claim(folder / "_lock")

    def release(self) -> None:
        os.close(self._claim)

    # The bytes of versions

    def read(self, version: Version) -> bytes:
        return self._data(version).read_bytes()

    def write(self, version: Version, data: bytes) -> None:
        self._data(version).write_bytes(data)

    def remove(self, version: Version) -> None:
        self._data(version).unlink(missing_ok=True)

    def _data(self, version: Version) -> pathlib.Path:
        return self.folder / version.bucket / "versions" / str(version.generation)

    # Buckets

    def make_folders(self, bucket: str) -> None:
        for part in ("versions", "objects"):
            (self.folder / bucket / part).mkdir(parents=True, exist_ok=True)

    def remove_bucket(self, bucket: str) -> None:
        shutil.rmtree(self.folder / bucket, ignore_errors=True)

    # The tree to look at

    def free_path(self, bucket: str, name: str) -> str:
        """Where under `objects/` to show an object: by its name, unless that is taken or too long."""
        path, root = names.path_of(name), self._root(bucket)
        target = root / path
        above = target.relative_to(root).parents
        is_taken = target.is_dir() or any((root / parent).is_file() for parent in above)
        is_long = len(path.encode()) > LONGEST_SHOWN_PATH
        return names.flat_path_of(name) if is_taken or is_long else path

    def show(self, version: Version) -> None:
        target, ready = self._shown(version), self.uploads / f"{version.generation}.link"
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(self._data(version), ready)
        ready.replace(target)

    def hide(self, version: Version) -> None:
        shown, root = self._shown(version), self._root(version.bucket)
        shown.unlink(missing_ok=True)
        for folder in shown.parents:
            if folder == root or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()

    def _root(self, bucket: str) -> pathlib.Path:
        return self.folder / bucket / "objects"

    def _shown(self, version: Version) -> pathlib.Path:
        return self._root(version.bucket) / version.shown_as

    # After a crash

    def repair(self, bucket: str, versions: list[Version]) -> None:
        """Leave exactly the bytes of these versions, and links to exactly the live ones."""
        self.make_folders(bucket)
        _sweep(self.folder / bucket / "versions", {str(version.generation) for version in versions})
        live = {self._shown(version): version for version in versions if version.state == LIVE}
        for path in sorted(self._root(bucket).rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
            elif not path.is_dir() and not (path in live and path.samefile(self._data(live[path]))):
                path.unlink()
        for path, version in live.items():
            if not path.exists():
                self.show(version)

    def sweep_buckets(self, known: set[str]) -> None:
        for folder in self._bucket_folders():
            if folder.name not in known:
                log.info("removing %s, left behind by a crash", folder)
                shutil.rmtree(folder)

    def _bucket_folders(self) -> Iterable[pathlib.Path]:
        """Only what has the shape of a bucket: the folder might hold something of its owner's."""
        return [folder for folder in self.folder.iterdir() if (folder / "versions").is_dir()]

    def sweep_uploads(self, known: set[str]) -> None:
        _sweep(self.uploads, known)


def _sweep(folder: pathlib.Path, known: set[str]) -> None:
    for path in folder.iterdir():
        if path.name not in known:
            log.info("removing %s, left behind by a crash", path)
            path.unlink()


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links: show a copy
        shutil.copyfile(source, target)


def _claim(path: pathlib.Path) -> int:
    """Hold the folder for this process alone, until it ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise SystemExit(f"Another process already serves {path.parent}") from error
    return handle
