"""The load bench: what it makes of real sessions, and that a run of seconds closes the account."""

import gzip
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.load import journeys, sending, sessions, tables
from bench.load.journeys import Product, Request
from bench.load.sending import Answer
from bench.load.sessions import Click, Recorded, Session
from leafloaf.stack import surroundings
from leafloaf.stack.services import REPOSITORY
from leafloaf.storefront.management.commands.load_demo import CATALOGUE
from tests import data

PRODUCTS = [Product(f"sku {number}", f"Maple Oat Bar {number}", "2.50") for number in range(3)]
TWO = [[(100.0, "a"), (130.0, "b")], [(110.0, "c")], [(2000.0, "a"), (2030.0, "a")]]


def planned(found: Recorded, rate: float = 1.0, begin: float = -10, end: float = 60) -> list[Request]:
    return journeys.planned(found.arriving(rate, end), PRODUCTS, "t", begin, end)


def test_clicks_keep_their_gaps_and_a_night_is_no_gap() -> None:
    found = sessions.recorded(TWO)
    assert found.sessions == (
        (Click(0, "a"), Click(30, "b")),
        (Click(0, "c"),),
        (Click(0, "a"), Click(30, "a")),
    )
    assert found.gaps == (10.0,)


def test_sessions_arrive_as_fast_as_asked_and_some_are_under_way_when_it_begins() -> None:
    arriving = list(sessions.recorded(TWO).arriving(0.5, until=100))
    starts = [session.starts_at for session in arriving]
    assert starts[0] == -sessions.LONGEST_SECONDS
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {2.0}
    assert starts[-1] < 100
    assert len({session.number for session in arriving}) == len(arriving)


def test_a_plan_is_in_order_within_its_time_and_the_same_each_time() -> None:
    plan = planned(sessions.recorded(TWO))
    assert plan == planned(sessions.recorded(TWO))
    assert [request.at for request in plan] == sorted(request.at for request in plan)
    assert all(-10 <= request.at < 60 for request in plan)
    assert {"search", "suggest", "product", "complements", "events"} <= {request.route for request in plan}


def test_every_click_is_an_event_at_its_real_time() -> None:
    session = Session(1, 5.0, (Click(0, "a"), Click(40, "b")))
    plan = journeys.planned(iter([session]), PRODUCTS, "t", 0, 100)
    views = [
        request.at
        for request in plan
        for event in (request.body or {}).get("events", [])
        if event.get("interaction_type") == "product_view"
    ]
    assert views == [pytest.approx(5.5), pytest.approx(45.5)]


def test_no_event_id_comes_twice_and_each_is_the_plans() -> None:
    plan = planned(sessions.recorded(TWO), rate=5)
    ids = [event_id for request in plan for event_id in request.event_ids]
    assert len(set(ids)) == len(ids)
    sent = [event["event_id"] for request in plan for event in (request.body or {}).get("events", [])]
    assert sent == ids


def test_users_stand_in_no_address_and_visits_have_their_own() -> None:
    plan = [request for request in planned(sessions.recorded(TWO), rate=5) if request.user]
    assert plan
    assert not any(str(request.user) in request.path for request in plan)
    asked = sending.Sender(1, sending.Keys("pk", "sk")).encoded(plan[0])
    assert b"Bearer sk" in asked
    assert sending.address("one") != sending.address("other")


def answer(**changes: object) -> Answer:
    usual = {"route": "search", "due": 1.0, "seconds": 0.01, "late": 0.0, "status": 200}
    return Answer(**(usual | changes))  # type: ignore[arg-type]


def test_a_refusal_says_when_to_come_back_as_a_problem() -> None:
    assert tables.is_refusal(answer(status=503, retry_after="2", is_problem=True))
    assert not tables.is_refusal(answer(status=503, retry_after="2"))
    assert not tables.is_refusal(answer(status=503, is_problem=True))
    assert not tables.is_refusal(answer(status=0))


def test_a_rate_is_held_when_few_are_refused_and_few_are_slow() -> None:
    good, slow, refused = answer(), answer(seconds=1.0), answer(status=503)
    assert tables.Step(1, 1, [good] * 1000 + [refused], {}).is_held
    assert not tables.Step(1, 1, [good] * 100 + [refused], {}).is_held
    assert not tables.Step(1, 1, [good] * 10 + [slow], {}).is_held


def test_the_real_sessions_can_be_read() -> None:
    found = sessions.read(data.folder("yoochoose").parent)
    assert len(found.sessions) == 21_210
    assert sum(len(clicks) for clicks in found.sessions) > 83_000


@pytest.mark.slow  # a minute
def test_a_run_of_seconds_against_the_whole_stack_loses_nothing(tmp_path: Path) -> None:
    """The data's own sessions are not needed for it: a few of the same shape are written down here."""
    rows = ["ts,session_id,event,item_id,split"]
    rows += [
        f"2014-04-01T01:{minute:02}:{second:02}.000Z,{minute},view,{second},train"
        for minute in range(60)
        for second in (0, 2, 5)
    ]
    (tmp_path / "yoochoose").mkdir()
    with gzip.open(tmp_path / sessions.FILE, "wt") as file:
        file.write("\n".join(rows) + "\n")
    # An empty value, not a missing one, hides the servers of this test session.
    variables = os.environ | dict.fromkeys(surroundings.SHARED, "")
    options = ["--rate", "1", "--seconds", "3", "--data", str(tmp_path), "--catalogue", str(CATALOGUE)]
    options += [
        "--set",
        "SEMANTIC_ENABLED=false",
        "--set",
        "LOAD_CLOUD_STORAGE_SECONDS=1",
        "--json",
        str(tmp_path / "out"),
    ]
    said = subprocess.run(
        [sys.executable, "-m", "bench", "load", "--only", "run", *options],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
    held = {row[0]: row[1:] for row in json.loads((tmp_path / "out").read_text())["load-held"]}
    assert int(held["accepted (202, or a search answered)"][0]) > 0
    closed = {name: found for name, (found, *wanted) in held.items() if wanted == ["0"]}
    assert set(closed.values()) == {"0"}, closed
    for store in ("log", "Cloud Storage", "BigQuery", "Redis"):
        assert held[f"{store} holds"][1] == "0 not once"
