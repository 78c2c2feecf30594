"""Cloud Storage: one JSONL object a batch, written once under the name fixed when the batch was sealed.

`if_generation_match=0` makes the write conditional on the object not being there (Cloud Storage documentation,
"Request preconditions"), so a repeated batch cannot overwrite or double anything: 412 means that an earlier attempt
was stored, which is verified by batch label and CRC32C before it counts as success.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage

from capture.sinks import google_accounts, jsonl
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    Acknowledged,
    BaseSink,
    Batch,
    BatchRefused,
    Misconfigured,
    Recount,
    Unavailable,
)
from capture.sinks.google_accounts import ERASER, READER, Accounts, Acting

CONTENT_TYPE = "application/x-ndjson"
LABEL = "leafloaf-batch"
COUNT = "leafloaf-count"
CHECKSUM = "CRC32C"
HOUR = len("events/YYYYMMDD_HH")

# Else each client asks in a thread of its own what the bucket is like, for traces that nobody keeps, and most may not.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")

AWAY = (
    exceptions.ServerError,
    exceptions.TooManyRequests,
    exceptions.RetryError,
    requests.RequestException,
    auth_exceptions.TransportError,
)
NEEDS_A_PERSON = (
    exceptions.Unauthorized,
    exceptions.Forbidden,
    exceptions.NotFound,
    auth_exceptions.GoogleAuthError,
)


class CloudStorageSink(BaseSink, Acting):
    """Writes batches to one bucket.

    Args:
        endpoint: another address than Google's own; an http:// one gets no credentials.
        is_zipped: store the objects gzipped; whoever downloads them gets them unzipped ("Transcoding of
            gzip-compressed files").
        accounts: as whom it reads, erases and verifies; it writes as `account`, which is the process's own when
            empty. What writes may add objects, and neither read, replace nor delete one.
    """

    def __init__(
        self,
        bucket: str,
        endpoint: str = "",
        project: str = "",
        location: str = "",
        is_zipped: bool = False,
        accounts: Accounts = (),
        account: str = "",
    ) -> None:
        self.bucket_name = bucket
        self.endpoint = endpoint
        self.project = project
        self.location = location
        self.is_zipped = is_zipped
        Acting.__init__(self, accounts, account)

    @cached_property
    def client(self) -> storage.Client:
        return storage.Client(
            project=self.project or None,
            credentials=google_accounts.credentials(self.account, self.endpoint),
            client_options={"api_endpoint": self.endpoint} if self.endpoint else None,
        )

    def another(self) -> "CloudStorageSink":
        """The same with a connection of its own, for another thread."""
        return self.as_account(self.account)

    def as_account(self, account: str) -> "CloudStorageSink":
        return CloudStorageSink(
            self.bucket_name,
            self.endpoint,
            self.project,
            self.location,
            self.is_zipped,
            self.accounts,
            account,
        )

    @property
    def bucket(self) -> storage.Bucket:
        bucket: storage.Bucket = self.client.bucket(self.bucket_name)
        return bucket

    def deliver(self, batch: Batch) -> None:
        if not batch.records:  # all of it was erased; an earlier attempt may have stored it
            self._take_away(batch.label, batch.object_name)
            return
        lines = jsonl.content(batch.label, batch.records)
        blob = self.bucket.blob(batch.object_name)
        blob.content_encoding = "gzip" if self.is_zipped else None
        try:
            self._upload(batch, lines, blob, generation=0)
        except exceptions.PreconditionFailed:
            self._compare(batch, lines)
        except Misconfigured as error:
            # Google asks whether the writer may replace the object before it looks at the condition.
            if not isinstance(error.__cause__, exceptions.Forbidden) or not self._is_there(batch.object_name):
                raise
            self._compare(batch, lines)

    def _is_there(self, name: str) -> bool:
        """Whether a reader finds the object; where no other account reads, the refusal was meant as it was said."""
        reader = self.acting(READER)
        if reader is self:
            return False
        try:
            return reader.bucket.get_blob(name, timeout=TIMEOUT_SECONDS, retry=None) is not None
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error

    def _upload(self, batch: Batch, lines: bytes, blob: storage.Blob, generation: int) -> None:
        blob.metadata = {LABEL: batch.label, COUNT: str(len(batch.records))}
        try:
            blob.upload_from_string(
                jsonl.zipped(lines) if blob.content_encoding == "gzip" else lines,
                content_type=CONTENT_TYPE,
                if_generation_match=generation,
                checksum="crc32c",
                timeout=batch.seconds_left(),
                retry=None,
            )
        except exceptions.PreconditionFailed:
            raise
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error

    def probe(self) -> None:
        try:
            self.client.get_bucket(self.bucket_name, timeout=TIMEOUT_SECONDS, retry=None)
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error

    def _stored(self, lines: bytes) -> bytes:
        return jsonl.zipped(lines) if self.is_zipped else lines

    def _compare(self, batch: Batch, lines: bytes) -> None:
        """The object is there: it is either this very batch, or somebody else's, which only a person can sort out.

        This batch may have been written by another release, whose lines said the same in other bytes.
        """
        blob = self.acting(READER).bucket.blob(batch.object_name)
        try:
            blob.reload(timeout=TIMEOUT_SECONDS, retry=None)
            label, checksum = (blob.metadata or {}).get(LABEL), blob.crc32c
            if (label, checksum) == (batch.label, jsonl.crc32c(self._stored(lines))):
                return
            found = blob.download_as_bytes(timeout=TIMEOUT_SECONDS, retry=None)
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error
        is_ours = label == batch.label and jsonl.compared(lines, found).held == len(batch.records)
        if is_ours and len(found.splitlines()) == len(batch.records):
            return
        if not is_ours or not batch.is_remade:
            raise BatchRefused(
                f"{batch.object_name} exists with other content: batch {label}, CRC32C {checksum}"
            )
        self._overwrite(batch, lines, blob)

    def _overwrite(self, batch: Batch, lines: bytes, seen: storage.Blob) -> None:
        """Puts the batch in place of what an earlier attempt stored of it, before some of that was erased."""
        try:
            self._upload(batch, lines, successor(self.acting(ERASER).bucket, seen), seen.generation)
        except exceptions.PreconditionFailed as error:
            raise Unavailable(f"{batch.object_name} was changed by somebody else at the same time") from error

    def recount(self, batches: Sequence[Acknowledged]) -> Mapping[str, Recount]:
        """By the objects' metadata; an object is only read when that is not what the log would write today."""
        try:
            objects = {blob.name: blob for hour in _by_hour(batches) for blob in self._listed(hour)}
            found = {batch.label: self._recounted(batch, objects.get(batch.object_name)) for batch in batches}
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error
        return {label: recount for label, recount in found.items() if recount}

    def make_way(self, batch: Acknowledged) -> None:
        """Deletes the object that was altered."""
        self._take_away(batch.label, batch.object_name)

    def _take_away(self, label: str, name: str) -> None:
        """Deletes the object in the generation seen; never one that says it is another batch's."""
        try:
            blob = self.acting(ERASER).bucket.get_blob(name, timeout=TIMEOUT_SECONDS, retry=None)
            if blob and (blob.metadata or {}).get(LABEL, label) == label:
                blob.delete(if_generation_match=blob.generation, timeout=TIMEOUT_SECONDS, retry=None)
        except exceptions.NotFound:
            return
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error

    def _listed(self, names: Sequence[str]) -> Iterator[storage.Blob]:
        """The objects from the first name to the last, which stand close together: names begin with their time."""
        listed: Iterator[storage.Blob] = self.acting(READER).client.list_blobs(
            self.bucket_name,
            prefix=names[0][:HOUR],
            start_offset=names[0],
            end_offset=names[-1] + "\0",
            timeout=TIMEOUT_SECONDS,
            retry=None,
        )
        return listed

    def _recounted(self, batch: Acknowledged, blob: storage.Blob | None) -> Recount | None:
        if blob is None:
            return Recount(0)
        records = batch.read()
        if records is None:
            return None
        lines = jsonl.content(batch.label, records)
        stored = self._stored(lines)
        metadata = blob.metadata or {}
        seen = metadata.get(LABEL), metadata.get(COUNT), blob.size, blob.crc32c
        if seen == (batch.label, str(len(records)), len(stored), jsonl.crc32c(stored)):
            return Recount(len(records))
        return jsonl.compared(lines, self._read(blob.name))

    def _read(self, name: str) -> bytes:
        """The object as it is now: who erases a person may have replaced or deleted it since it was listed."""
        try:
            blob = self.acting(READER).bucket.blob(name)
            found: bytes = blob.download_as_bytes(timeout=TIMEOUT_SECONDS, retry=None)
        except exceptions.NotFound:
            return b""
        return found


def successor(bucket: storage.Bucket, seen: storage.Blob) -> storage.Blob:
    """An object to be written in place of the one seen: described as that, and no younger for the bucket's rules."""
    blob: storage.Blob = bucket.blob(seen.name)
    blob.metadata = seen.metadata
    blob.content_encoding = seen.content_encoding
    blob.custom_time = seen.custom_time or seen.time_created
    return blob


def _by_hour(batches: Sequence[Acknowledged]) -> Iterator[list[str]]:
    names = sorted(batch.object_name for batch in batches)
    for _, hour in groupby(names, key=lambda name: name[:HOUR]):
        yield list(hour)


def classified(error: Exception) -> Exception:
    """Try later, or a person first; an answer nobody expected blocks the batch rather than being guessed at."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, AWAY) or (isinstance(error, exceptions.GoogleAPICallError) and error.code == 408):
        return Unavailable(said)
    # Damaged on the way, and refused for it; the reason says no more than "invalid" ("Hashes and ETags").
    if isinstance(error, exceptions.BadRequest) and CHECKSUM in said:
        return Unavailable(said)
    if isinstance(error, NEEDS_A_PERSON):
        return Misconfigured(said)
    return BatchRefused(said)
