"""Cloud Storage: one JSONL object a batch, written once under the name fixed when the batch was sealed.

`if_generation_match=0` makes the write conditional on the object not being there (Cloud Storage documentation,
"Request preconditions"), so a repeated batch cannot overwrite or double anything: 412 means that an earlier attempt
was stored, which is verified by batch label and CRC32C before it counts as success.
"""

import base64
from functools import cached_property

import google_crc32c
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from capture.records import json_line
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    BaseSink,
    Batch,
    BatchRefused,
    Misconfigured,
    Unavailable,
)

CONTENT_TYPE = "application/x-ndjson"
LABEL = "leafloaf-batch"
COUNT = "leafloaf-count"

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


class CloudStorageSink(BaseSink):
    """Writes batches to one bucket.

    Args:
        endpoint: another address than Google's own; an http:// one gets no credentials.
    """

    def __init__(self, bucket: str, endpoint: str = "", project: str = "", location: str = "") -> None:
        self.bucket_name = bucket
        self.endpoint = endpoint
        self.project = project
        self.location = location

    @cached_property
    def client(self) -> storage.Client:
        if self.endpoint.startswith(
            "http://"
        ):  # a local server: no credentials for it, and none to leak to it
            return storage.Client(
                project=self.project,
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": self.endpoint},
            )
        options = {"api_endpoint": self.endpoint} if self.endpoint else None
        return storage.Client(project=self.project or None, client_options=options)

    @property
    def bucket(self) -> storage.Bucket:
        bucket: storage.Bucket = self.client.bucket(self.bucket_name)
        return bucket

    def deliver(self, batch: Batch) -> None:
        lines = b"".join(json_line(record.document(batch.label)) for record in batch.records)
        blob = self.bucket.blob(batch.object_name)
        blob.metadata = {LABEL: batch.label, COUNT: str(len(batch.records))}
        try:
            blob.upload_from_string(
                lines,
                content_type=CONTENT_TYPE,
                if_generation_match=0,
                checksum="crc32c",
                timeout=TIMEOUT_SECONDS,
                retry=None,
            )
        except exceptions.PreconditionFailed:
            self._compare(batch, lines)
        except exceptions.GoogleAPICallError as error:
            raise classified(error) from error
        except (requests.RequestException, auth_exceptions.GoogleAuthError) as error:
            raise classified(error) from error

    def probe(self) -> None:
        try:
            self.client.get_bucket(self.bucket_name, timeout=TIMEOUT_SECONDS, retry=None)
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error

    def _compare(self, batch: Batch, lines: bytes) -> None:
        """The object is there: it is either this very batch, or somebody else's, which only a person can sort out."""
        blob = self.bucket.blob(batch.object_name)
        try:
            blob.reload(timeout=TIMEOUT_SECONDS, retry=None)
        except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
            raise classified(error) from error
        stored = (blob.metadata or {}).get(LABEL), blob.crc32c
        if stored != (batch.label, crc32c(lines)):
            raise BatchRefused(
                f"{batch.object_name} exists with other content: batch {stored[0]}, CRC32C {stored[1]}"
            )


def crc32c(content: bytes) -> str:
    """The checksum as Cloud Storage writes it: big-endian, base64."""
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def classified(error: Exception) -> Exception:
    """Try later, or a person first; an answer nobody expected blocks the batch rather than being guessed at."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, AWAY) or (isinstance(error, exceptions.GoogleAPICallError) and error.code == 408):
        return Unavailable(said)
    if isinstance(error, NEEDS_A_PERSON):
        return Misconfigured(said)
    return BatchRefused(said)
