"""A second look: what a bucket holds of somebody, found by none of the ways in which it was taken out."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.api_core import exceptions

from capture.sinks import cloud_storage_threads as threads
from capture.sinks.cloud_storage import CloudStorageSink, classified
from capture.sinks.cloud_storage_objects import ERRORS, OPTIONS


class Reader:
    """Looks for a pseudonym anywhere in the text, and for visits in the lines that name nobody.

    Args:
        before: only lines received before then; None for all.
    """

    def __init__(self, subject_id: str, sessions: Iterable[str], before: datetime | None) -> None:
        self.subject_id = subject_id
        self.sessions = frozenset(sessions)
        self.before = before

    def count(self, sink: CloudStorageSink, names: Iterable[str]) -> int:
        """How many lines of theirs these objects hold, in every generation.

        Raises:
            Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
        """
        return sum(found for _, found in threads.each(sink, self.count_in, names))

    def count_in(self, sink: CloudStorageSink, name: str) -> int:
        try:
            listed = list(sink.client.list_blobs(sink.bucket_name, prefix=name, versions=True, **OPTIONS))
            texts = [self._text(blob) for blob in listed if blob.name == name]
        except ERRORS as error:
            raise classified(error) from error
        return sum(self._is_theirs(line) for text in texts for line in text.split("\n"))

    def _text(self, blob: Any) -> str:
        """As any reader gets it: the store or the client unzips it."""
        try:
            content: bytes = blob.download_as_bytes(**OPTIONS)
        except exceptions.NotFound:
            return ""
        return content.decode(errors="replace")

    def _is_theirs(self, line: str) -> bool:
        is_named = self.subject_id in line.lower()
        if not is_named and (not self.sessions or not line.strip()):
            return False
        try:
            document = json.loads(line)
            is_old = self.before is None or datetime.fromisoformat(document["timestamp"]) < self.before
            visit = document.get("session_id") if document.get("user_id") is None else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return is_named or any(session in line for session in self.sessions)
        return is_old and (is_named or visit in self.sessions)
