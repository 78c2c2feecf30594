"""Objects of Cloud Storage that are not batches: written from a file, and replaced by it when it says something else.

A write names the generation that was seen (Cloud Storage documentation, "Request preconditions"), so that of two
writers at once the second learns of the first.
"""

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import google_crc32c
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage

from capture.sinks.base import TIMEOUT_SECONDS, Unavailable
from capture.sinks.cloud_storage import CONTENT_TYPE, CloudStorageSink, classified, successor
from capture.sinks.google_accounts import ERASER, READER

OPTIONS: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "retry": None}
CHUNK = 8 << 20
"""Bytes in memory at once; left alone, the client takes 100 MiB."""
ERRORS = (exceptions.GoogleAPICallError, requests.RequestException, auth_exceptions.GoogleAuthError)


def held(sink: CloudStorageSink, prefix: str, since: str = "") -> dict[str, storage.Blob]:
    """The objects under a prefix by name, from the name `since` on.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        client = sink.acting(READER).client
        found = client.list_blobs(sink.bucket_name, prefix=prefix, start_offset=since or None, **OPTIONS)
        return {blob.name: blob for blob in found}
    except ERRORS as error:
        raise classified(error) from error


def put(
    sink: CloudStorageSink,
    name: str,
    file: Path,
    found: storage.Blob | None,
    metadata: dict[str, str] | None = None,
) -> bool:
    """Makes the object what the file says, unless it says so already; returns whether it was written.

    Args:
        found: the object as it was seen; None when there was none.

    Raises:
        Unavailable: also when the object is not what was seen, and not what the file says.
        Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    if found and (found.crc32c, found.metadata or {}) == (crc32c(file), metadata or {}):
        return False
    blob = successor(sink.acting(ERASER).bucket, found) if found else sink.bucket.blob(name)
    blob.chunk_size = CHUNK
    blob.metadata = metadata
    generation = found.generation if found else 0
    try:
        blob.upload_from_filename(
            str(file),
            content_type=CONTENT_TYPE,
            if_generation_match=generation,
            checksum="crc32c",
            **OPTIONS,
        )
    except exceptions.PreconditionFailed as error:
        if _is(sink, name, crc32c(file)):
            return False
        raise Unavailable(f"{name} was changed by somebody else at the same time") from error
    except ERRORS as error:
        raise classified(error) from error
    return True


def remove(sink: CloudStorageSink, found: storage.Blob) -> None:
    """Deletes the object in the generation seen, as the eraser; one that is gone already is no error.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        blob = sink.acting(ERASER).bucket.blob(found.name, generation=found.generation)
        blob.delete(**OPTIONS)
    except exceptions.NotFound:
        return
    except ERRORS as error:
        raise classified(error) from error


def remove_older(sink: CloudStorageSink, prefix: str) -> None:
    """Deletes what a bucket that keeps versions has kept of replaced and deleted objects.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        reader = sink.acting(READER).client
        found = list(reader.list_blobs(sink.bucket_name, prefix=prefix, versions=True, **OPTIONS))
    except ERRORS as error:
        raise classified(error) from error
    for older in found:
        if older.time_deleted:
            remove(sink, older)


def fetch(found: storage.Blob, file: Path) -> bool:
    """Writes the object, in the generation seen, to a file; returns whether it was still there.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        found.download_to_filename(str(file), checksum="crc32c", **OPTIONS)
    except exceptions.NotFound:
        return False
    except ERRORS as error:
        raise classified(error) from error
    return True


def residual_until(sink: CloudStorageSink, prefix: str, first: str, last: str) -> dict[str, datetime]:
    """Until when the store could bring back deleted generations, by name, of the objects from first to last.

    Asked of the objects, not of the bucket's rule: what was deleted under another rule keeps its date.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    limits = {"prefix": prefix, "start_offset": first, "end_offset": last + "\0"}
    ends: dict[str, datetime] = {}
    try:
        for blob in sink.client.list_blobs(sink.bucket_name, soft_deleted=True, **limits, **OPTIONS):
            if until := blob.hard_delete_time:
                ends[blob.name] = max(until, ends.get(blob.name, until))
    except exceptions.BadRequest:  # the bucket knows no soft delete
        return {}
    except ERRORS as error:
        raise classified(error) from error
    return ends


def is_forbidden(error: Exception) -> bool:
    """Whether the store answered that we may not, rather than that it cannot."""
    cause = error.__cause__
    if isinstance(cause, auth_exceptions.TransportError):
        return False
    return isinstance(cause, (exceptions.Unauthorized, exceptions.Forbidden, auth_exceptions.GoogleAuthError))


def crc32c(file: Path) -> str:
    """The checksum as Cloud Storage writes it: big-endian, base64."""
    checksum = google_crc32c.Checksum()
    with file.open("rb") as opened:
        while piece := opened.read(CHUNK):
            checksum.update(piece)
    return base64.b64encode(checksum.digest()).decode()


def _is(sink: CloudStorageSink, name: str, checksum: str) -> bool:
    try:
        blob = sink.acting(READER).bucket.get_blob(name, **OPTIONS)
    except ERRORS as error:
        raise classified(error) from error
    return blob is not None and blob.crc32c == checksum
