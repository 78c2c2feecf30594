"""BigQuery is read again once for all whom one question can serve; whoever has something left is told apart."""

from datetime import UTC, datetime, timedelta

import pytest

from capture.holders import bigquery
from capture.holders.bigquery import BigQueryHolder
from privacy.holders import NotNow, Presence, Purged, Task
from tests.capture.warehouse import Store, a_day_of, capture, scope_of, task_of
from tests.capture.warehouse import store as store

PEOPLE = ["ann", "ben", "cem"]


def planned(store: Store) -> list[Task]:
    for user_id in PEOPLE:
        capture(*a_day_of(user_id, f"visit-{user_id}"))
    store.drain()
    store.pass_time(32)
    scopes = [scope_of(user_id, f"visit-{user_id}") for user_id in PEOPLE]
    return [task_of(BigQueryHolder(), scope) for scope in scopes]


def questions(store: Store) -> int:
    return sum("COUNTIF" in job.query for job in store.sink.client.list_jobs())


def test_people_are_read_for_together(store: Store) -> None:
    tasks = planned(store)
    assert BigQueryHolder().erase(tasks) == [Purged()] * 3
    findings = BigQueryHolder().verify_all(tasks)
    asked = questions(store)
    assert [finding.presence for finding in findings] == [Presence.ABSENT] * 3
    assert all(finding.residual_until for finding in findings)
    BigQueryHolder().verify(tasks[0])
    assert questions(store) == 2 * asked


def test_they_are_asked_about_one_by_one_when_somebody_is_left(store: Store) -> None:
    tasks = planned(store)
    BigQueryHolder().erase(tasks[:2])
    with pytest.raises(NotNow):
        BigQueryHolder().verify_all(tasks)
    assert [BigQueryHolder().verify(task).found for task in tasks] == [0, 0, 4]


def test_a_retention_among_erasures_is_a_question_of_its_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = planned(store)
    old = task_of(BigQueryHolder(), scope_of("dan", before=datetime.now(UTC) - timedelta(days=3)))
    BigQueryHolder().erase(gone)
    findings = BigQueryHolder().verify_all([*gone, old])
    assert [finding.presence for finding in findings] == [Presence.ABSENT] * 4
    monkeypatch.setattr(bigquery, "BUDGET_SECONDS", -1.0)
    findings = BigQueryHolder().verify_all([*gone, old])
    assert [finding.presence for finding in findings] == [Presence.UNKNOWN] * 3 + [Presence.ABSENT]
