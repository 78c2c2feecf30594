"""Somebody's lines in the objects of Cloud Storage: counted, given away, and taken out.

Invariants:
* An object is replaced only in the generation that was read, so that nobody's write is lost; who comes second reads
  again.
* What is written is what was read without their lines: checked by a hash of the lines before, and by the store's
  checksum of the bytes after. The batch's label stays, and its count says how many are left, so that `recount`
  agrees with a log that has lost the same events.
* Older generations with their lines go too; those without are somebody else's business.
* Done twice, or after a crash at any point, it comes to the same.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from google.api_core import exceptions
from google.cloud import storage

from capture.sinks import jsonl
from capture.sinks.base import BatchRefused, Unavailable
from capture.sinks.cloud_storage import COUNT, CloudStorageSink, classified, successor
from capture.sinks.cloud_storage_objects import ERRORS, OPTIONS
from capture.sinks.whose import Parts, Whose

PREFIX = "events/"
TRIES = 6
GZIP = b"\x1f\x8b"
NAMES_ONLY = "items(name),nextPageToken"
SEQUENCE = re.compile(r"-(\d{1,18})_events\.jsonl$")


def name_at(moment: datetime) -> str:
    """What the names of batches sealed then begin with; those sealed earlier sort before it."""
    return f"{PREFIX}{moment.astimezone(UTC):%Y%m%d_%H%M%S}"


def sequence_of(name: str) -> int | None:
    """The number of the batch that an object's name tells; None for a name that is no batch's."""
    found = SEQUENCE.search(name)
    return int(found[1]) if found else None


def names(sink: CloudStorageSink, first: str = PREFIX, last: str | None = None) -> Iterator[str]:
    """The names of batches in the bucket, from `first` on and before `last`, in order."""
    try:
        found = sink.client.list_blobs(
            sink.bucket_name,
            prefix=PREFIX,
            start_offset=first,
            end_offset=last,
            fields=NAMES_ONLY,
            **OPTIONS,
        )
        for blob in found:
            yield blob.name
    except ERRORS as error:
        raise classified(error) from error


class Theirs(NamedTuple):
    """Somebody's lines in one object. `in_doubt`: a line that nobody can read has a mark of theirs."""

    lines: list[bytes]
    in_doubt: bool


def theirs(sink: CloudStorageSink, name: str, whose: Whose) -> Theirs:
    """Their lines in one object, those that only an older generation holds last; what cannot be read is left out."""
    found: list[bytes] = []
    in_doubt = False
    try:
        for blob in reversed(versions(sink, name)):
            body = body_of(blob)
            if body and whose.may_be_in(body):
                seen, parts = set(found), whose.parts(body)
                found += [line for line in parts.theirs if line not in seen]
                in_doubt |= parts.in_doubt
    except ERRORS as error:
        raise classified(error) from error
    return Theirs(found, in_doubt)


def take_out(sink: CloudStorageSink, name: str, whose: Whose, *, is_theirs: bool) -> None:
    """Takes their lines out of every generation of one object.

    Args:
        is_theirs: the object is known to have had lines of theirs, so that one which nobody can read may be another.

    Raises:
        Unavailable, Misconfigured: as for `BaseSink.deliver`.
        BatchRefused: a line cannot be read, and the object is as it was.
    """
    clean: set[int] = set()
    try:
        for _ in range(TRIES):
            unseen = [blob for blob in versions(sink, name) if blob.generation not in clean]
            for blob in unseen:
                if _is_without(sink, blob, whose, is_theirs=is_theirs):
                    clean.add(blob.generation)
            if all(blob.generation in clean for blob in unseen):
                return
    except ERRORS as error:
        raise classified(error) from error
    raise Unavailable(f"{name} is changed by somebody else again and again")


def versions(sink: CloudStorageSink, name: str) -> list[storage.Blob]:
    """Every generation of one object, oldest first."""
    found = sink.client.list_blobs(sink.bucket_name, prefix=name, versions=True, **OPTIONS)
    return sorted((blob for blob in found if blob.name == name), key=lambda blob: int(blob.generation))


def body_of(blob: storage.Blob) -> bytes | None:
    """The lines of this very generation; None when it is gone.

    Raises:
        BatchRefused: it is zipped, and damaged.
    """
    try:
        stored: bytes = blob.download_as_bytes(raw_download=True, checksum="crc32c", **OPTIONS)
    except exceptions.NotFound:
        return None
    if not stored.startswith(GZIP):
        return stored
    try:
        return gzip.decompress(stored)
    except (OSError, EOFError, zlib.error) as error:
        raise BatchRefused(f"{blob.name} is no whole gzip file; nothing of it was changed") from error


def _is_without(sink: CloudStorageSink, blob: storage.Blob, whose: Whose, *, is_theirs: bool) -> bool:
    """Whether this generation has none of their lines; if it has, they are taken out, and it has to be asked again."""
    is_zipped = blob.content_encoding == "gzip"
    body = body_of(blob)
    if body is None:
        return False
    if not is_theirs and not whose.may_be_in(body):
        return True
    parts = whose.parts(body)
    if parts.unreadable:
        lines = ", ".join(map(str, parts.unreadable[:5]))
        raise BatchRefused(f"{blob.name} cannot be read as JSON at line {lines}; nothing of it was changed")
    if not parts.theirs:
        return True
    try:
        if blob.time_deleted is None and b"".join(parts.kept).strip():
            _replace(sink, blob, _stored(body, parts, blob.name, is_zipped=is_zipped), parts)
        else:
            blob.delete(**OPTIONS)  # this generation: the blob was listed with it
    except (exceptions.PreconditionFailed, exceptions.NotFound):
        return False
    return False


def _stored(body: bytes, parts: Parts, name: str, *, is_zipped: bool) -> bytes:
    rest = b"".join(parts.kept)
    stored = jsonl.zipped(rest) if is_zipped else rest
    if not parts.conserves(body, gzip.decompress(stored) if is_zipped else stored):
        raise BatchRefused(f"{name} would have lost lines of others; nothing of it was changed")
    return stored


def _replace(sink: CloudStorageSink, seen: storage.Blob, stored: bytes, parts: Parts) -> None:
    blob = successor(sink.bucket, seen)
    if COUNT in (seen.metadata or {}):
        blob.metadata = {**seen.metadata, COUNT: str(sum(bool(line.strip()) for line in parts.kept))}
    blob.upload_from_string(
        stored,
        content_type=seen.content_type,
        if_generation_match=seen.generation,
        checksum="crc32c",
        **OPTIONS,
    )
    if blob.crc32c != jsonl.crc32c(stored):
        raise Unavailable(f"{seen.name} was stored as something else than was sent")
