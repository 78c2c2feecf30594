"""What an object of Cloud Storage holds: a batch as JSON lines, and whether found bytes say the same."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import google_crc32c

from capture.records import Record, json_line, learn
from capture.sinks.base import Recount


def content(label: str, records: Sequence[Record]) -> bytes:
    learn(records)
    return b"".join(json_line(record.document(label)) for record in records)


TOLD_ANEW = {"query"}
"""Columns that the same event may tell otherwise today: a word of a query is let out once enough people used it."""


def compared(written: bytes, found: bytes) -> Recount:
    """Which of the events written are found whole. A column that came later may be missing where it says nothing."""
    wanted = {document["event_id"]: document for document in map(json.loads, written.splitlines())}
    copies = Counter(
        document["event_id"]
        for line in found.splitlines()
        if (document := _parsed(line)) and _is_same(wanted.get(str(document.get("event_id"))), document)
    )
    return Recount(len(copies), sum(count > 1 for count in copies.values()))


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_same(wanted: dict[str, Any] | None, found: dict[str, Any]) -> bool:
    if wanted is None:
        return False
    return all(
        found[name] == value if name in found else value in (None, [])
        for name, value in wanted.items()
        if name not in TOLD_ANEW
    )


def crc32c(content: bytes) -> str:
    """The checksum as Cloud Storage writes it: big-endian, base64."""
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def zipped(lines: bytes) -> bytes:
    """The same bytes for the same lines: no file name and no time of day in the header."""
    return gzip.compress(lines, compresslevel=1, mtime=0)
