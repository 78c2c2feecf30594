"""What is derived from events is written with them, or not at all."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, connection
from pytest_django import Settings

from capture import ingest, projections
from capture.models import Event
from tests.calls import Api, cart


class Counting:
    """Counts the events of each person in a table of the test's."""

    sql = """
    counted AS (
        INSERT INTO counted AS kept SELECT subject_id, count(*) / %(divisor)s::int
        FROM stored WHERE subject_id IS NOT NULL GROUP BY subject_id ORDER BY subject_id
        ON CONFLICT (subject_id) DO UPDATE SET events = kept.events + excluded.events
    )"""

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor

    def parameters(self, batch: Any) -> dict[str, Any]:
        return {"divisor": self.divisor}


exact = Counting(1)
broken = Counting(0)


@pytest.fixture
def table(log: None, settings: Settings) -> Any:
    settings.PROJECTIONS = ["tests.capture.test_projections.exact"]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE counted (subject_id uuid PRIMARY KEY, events bigint)")
        yield
        cursor.execute("DROP TABLE counted")


def counts() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT events FROM counted ORDER BY events")
        return [events for (events,) in cursor.fetchall()]


@pytest.mark.usefixtures("table")
def test_each_event_is_seen_once(secret: Api) -> None:
    mine = [cart(user_id="anna") for _ in range(3)]
    secret.send(*mine, cart(user_id="ben"), cart())
    secret.send(*mine, *mine, cart(user_id="ben"))
    assert counts() == [2, 3]


@pytest.mark.usefixtures("table")
def test_what_fails_takes_its_events_with_it(secret: Api, settings: Settings) -> None:
    settings.PROJECTIONS = ["tests.capture.test_projections.broken"]
    with pytest.raises(DatabaseError):
        ingest.accept([b'{"event_type": "search", "query": "milk", "user_id": "anna"}'])
    assert not Event.objects.exists()
    assert counts() == []


def test_nothing_is_derived_of_nobody(settings: Settings) -> None:
    settings.PROJECTIONS = ["tests.capture.test_projections.exact"]
    assert projections.concerned([]) == ((), {})


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("capture.nowhere.projection", "cannot be imported"),
        ("capture.ingest.accept", "is no projection"),
    ],
)
def test_a_wrong_path_stops_the_start(settings: Settings, path: str, complaint: str) -> None:
    settings.PROJECTIONS = [path]
    (found,) = [message for message in run_checks() if message.id == "capture.E003"]
    assert complaint in found.msg
