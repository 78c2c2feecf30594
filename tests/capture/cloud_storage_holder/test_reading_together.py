"""Many people are read for at once: the same is found of each as if they were alone, and no object is read twice."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.holders import cloud_storage
from capture.sinks.cloud_storage_reader import Reader, Wanted
from privacy.holders import Finding, Presence, Scope, Task
from tests.capture.cloud_storage_holder.bucket import erase, holder, in_bucket, scope, task, visited
from tests.capture.stores import CloudStorageStore
from tests.standins import Standin

NOW = datetime.now(UTC)
PEOPLE = [str(UUID(int=number * 0x1111_1111, version=4)) for number in range(4)]
VISITS = ["web", "web-2", "the phone's", "été"]
DAYS = [NOW - timedelta(days=number) for number in range(3)]


def meant(line: str, one: Wanted) -> bool:
    """Whether a line means somebody, told slowly and of one person alone."""
    is_named = one.subject_id in line.lower()
    try:
        document = json.loads(line)
        is_old = one.before is None or datetime.fromisoformat(document["timestamp"]) < one.before
        visit = document.get("session_id") if document.get("user_id") is None else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return is_named or any(session in line for session in one.sessions)
    return is_old and (is_named or visit in one.sessions)


people = st.builds(
    Wanted,
    subject_id=st.sampled_from(PEOPLE),
    sessions=st.frozensets(st.sampled_from(VISITS)),
    before=st.sampled_from([None, *DAYS]),
)
users = st.sampled_from(
    [None, *PEOPLE, PEOPLE[0].upper(), f"{PEOPLE[1]}{PEOPLE[2]}", f"{PEOPLE[0][:-8]}{PEOPLE[1]}"]
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "user_id": users,
        "session_id": st.sampled_from([None, *VISITS]),
        "timestamp": st.sampled_from(
            [*(day.isoformat() for day in DAYS), "2026-11-01T00:00:00", "yesterday"]
        ),
        "metadata": users,
        "query": st.sampled_from(VISITS),
    },
)
texts = st.one_of(
    st.builds(json.dumps, documents, ensure_ascii=st.booleans()),
    st.sampled_from(["", " ", "[1]", "null", f'["{PEOPLE[0]}"]', "İ web {", f"İ{PEOPLE[3]}"]),
)
lines = st.builds(lambda text, cut: text[: len(text) - cut], texts, st.sampled_from([0, 0, 0, 1, 9, 30]))


@given(lines, st.lists(people, max_size=5))
def test_a_line_is_found_for_everybody_whom_it_means(line: str, wanted: Sequence[Wanted]) -> None:
    assert Reader(wanted).whose(line) == {place for place, one in enumerate(wanted) if meant(line, one)}


def shared(store: CloudStorageStore) -> list[Task]:
    """What is planned for people who share three objects, one of them in an older generation, and their visits."""
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.versioning_enabled = True
    bucket.patch()
    visited(30)
    held = in_bucket(store)
    first, second, third = held
    store.bucket.blob(first).upload_from_string(b"".join(held[first][5:]))
    anonymous = [json.dumps({"session_id": visit, "timestamp": NOW.isoformat()}) for visit in ("a", "b", "b")]
    store.bucket.blob(second).upload_from_string(b"".join(held[second]) + "\n".join(anonymous).encode())
    store.bucket.blob(third).upload_from_string(b"".join(held[third]) + b'{"torn of b')
    scopes = [
        scope("user_0", ["a", "b"]),
        scope("user_1", ["b"]),
        scope("user_1", ["b"], before=NOW - timedelta(days=1)),
        scope("user_2"),
        Scope(UUID(int=7)),
    ]
    return [task(of) for of in scopes]


def found(findings: Sequence[Finding]) -> list[int]:
    return [finding.found for finding in findings]


def test_as_many_lines_are_found_of_each_as_of_them_alone(store: CloudStorageStore) -> None:
    tasks = shared(store)
    together = holder.verify_all(tasks)
    assert together == [holder.verify(one) for one in tasks]
    assert found(together) == [3 + 7 + 5, 3 + 6 + 5, 1, 3 + 4 + 4, 0]


def test_whose_lines_are_gone_is_absent_among_others_who_are_not(store: CloudStorageStore) -> None:
    visited(20)
    (gone,) = erase(scope("user_0"))
    findings = holder.verify_all([gone, task(scope("user_1"))])
    assert [finding.presence for finding in findings] == [Presence.ABSENT, Presence.PRESENT]


def test_each_object_is_read_once_for_all(store: CloudStorageStore, standin: Standin) -> None:
    tasks = shared(store)
    standin.requested()
    holder.verify_all(tasks)
    assert downloaded(standin) == generations(store)


def generations(store: CloudStorageStore) -> Counter[str]:
    return Counter(blob.name for blob in store.bucket.list_blobs(versions=True))


def downloaded(standin: Standin) -> Counter[str]:
    asked = (re.search(r"/o/([^?]+)\?.*alt=media", unquote(request)) for request in standin.requested())
    return Counter(match[1] for match in asked if match)


def test_what_there_was_no_time_for_goes_on_where_it_ended(
    store: CloudStorageStore, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited(30)
    gone = erase(scope("user_0"), scope("user_1"))
    there = task(scope("user_2"))
    monkeypatch.setattr(cloud_storage, "BUDGET_SECONDS", -1.0)
    standin.requested()
    turns = [presences([*gone, there]), presences(gone), presences(gone), presences(gone)]
    not_yet, absent = [Presence.UNKNOWN] * 2, [Presence.ABSENT] * 2
    assert turns == [[*not_yet, Presence.PRESENT], not_yet, absent, not_yet]
    assert downloaded(standin).total() == 4


def presences(tasks: Sequence[Task]) -> list[Presence]:
    return [finding.presence for finding in holder.verify_all(tasks)]


def test_an_object_that_cannot_be_read_concerns_only_who_may_be_in_it(
    store: CloudStorageStore, standin: Standin
) -> None:
    visited(20)
    first, second = in_bucket(store)
    tasks = [long_ago(task(Scope(UUID(int=number)))) for number in range(3)]
    for one, names in zip(tasks, ([first], [second], [first, second]), strict=True):
        one.plan.details["objects"] = names
    standin.fail(times=9, match={"path": f"{second.split('/')[1]}.*alt=media"}, status=503)
    away = Presence.UNREACHABLE
    assert presences(tasks) == [Presence.ABSENT, away, away]
    standin.mend()
    assert presences(tasks) == [Presence.ABSENT] * 3
    standin.fail(times=9, match={"path": f"{first.split('/')[1]}.*alt=media"}, status=503)
    assert presences(tasks) == [away, Presence.UNKNOWN, away]
    assert presences(tasks[1:2]) == [Presence.ABSENT]


def long_ago(one: Task) -> Task:
    """The same, planned and purged then, so that what is sealed now is not looked through for them."""
    at = NOW - timedelta(days=2)
    one.plan.details["planned_at"] = at.isoformat()
    return Task(one.scope, one.plan, at, at)
