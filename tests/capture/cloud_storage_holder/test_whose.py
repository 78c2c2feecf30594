"""Which lines of an object are whose."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from capture.holders import cloud_storage
from capture.sinks import whose
from privacy.holders import Scope
from tests.capture.cloud_storage_holder.bucket import (
    recounts_whole,
    visited,
)
from tests.capture.stores import CloudStorageStore


def parted(body: bytes, subject: UUID, sessions: Sequence[str] = ()) -> whose.Parts:
    return whose.Whose({str(subject): None}, dict.fromkeys(sessions)).parts(body)


def test_a_line_belongs_to_who_is_named_in_it_and_else_to_its_visit() -> None:
    subject, other = uuid4(), uuid4()
    documents: list[Any] = [
        {"user_id": str(subject)},
        {"user_id": str(other), "session_id": "one"},
        {"user_id": None, "session_id": "one"},
        {"session_id": "one", "metadata": {"user_id": str(other)}},
        {"metadata": {"user_id": str(subject)}},
        {},
    ]
    body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    parts = parted(body + b"\n[1]\nnull\n{\n", subject, ["one"])
    assert [len(parts.theirs), len(parts.kept), parts.unreadable] == [3, 4, [8, 9, 10]]


def test_a_rest_that_lacks_or_changes_a_line_is_found_out() -> None:
    subject = uuid4()
    lines = [json.dumps({"user_id": str(user)}).encode() + b"\n" for user in (subject, uuid4(), uuid4())]
    body = b"".join(lines)
    parts = parted(body, subject)
    assert parts.conserves(body, lines[1] + lines[2])
    assert not parts.conserves(body, lines[1])
    assert not parts.conserves(body, lines[1] * 2)
    assert not parts.conserves(body, lines[1] + lines[2].replace(b"user", b"used"))


def test_two_scopes_of_one_person_are_as_wide_as_the_wider() -> None:
    subject, at = uuid4(), datetime.now(UTC)
    narrow, wide = Scope(subject, ("s",), at), Scope(subject, ("s",))
    for scopes in ([narrow, wide], [wide, narrow]):
        assert cloud_storage._whose(scopes) == whose.Whose({str(subject): None}, {"s": None})
    later = replace(narrow, before=at + timedelta(days=1))
    assert cloud_storage._whose([later, narrow]).sessions == {"s": later.before}


def test_compared_with_the_log_a_query_may_be_told_anew(store: CloudStorageStore) -> None:
    """A word that was let out meanwhile, or taken back, makes no other event."""
    visited(10)
    (blob,) = store.bucket.list_blobs()
    lines = blob.download_as_bytes()
    blob.upload_from_string(lines.replace(b'"milk 1"', b'"milk [number]"'))
    assert recounts_whole()
