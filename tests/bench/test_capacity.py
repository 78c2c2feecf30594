"""The capacity bench: its arithmetic on round figures, what it reads of docs/load.md, and the smallest run."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.capacity import figures, names, needs, options, tables, visits
from bench.capacity.figures import POSTGRES, REDIS, REPLICA, WEB, WORKER, Cost, Figures
from bench.capacity.needs import Deployment, Shop, Sizes, Visit
from bench.capacity.visits import Session
from bench.figures import Table
from leafloaf.stack.services import REPOSITORY
from leafloaf.storefront.management.commands.load_demo import CATALOGUE
from tests import data

SESSION = Session(
    {"suggest": 4, "product": 3, "complements": 2, "recommendations": 1, "search": 2, "events": 5}, events=10
)
MOVED = {WEB: 0.01, POSTGRES: -0.03, REPLICA: 0.04}
VISIT = Visit({WEB: 0.2, WORKER: 0.01, POSTGRES: 0.05, REDIS: 0.001}, MOVED, 10, 20_000, 8, 1e-5)
SIZES = Sizes(
    event=1000, person=20_000, redis_event=400, web_mib=200, worker_mib=250, backend_mib=10, idle=0.1
)
SHOP = Shop("round", round(3600 / visits.BUSIEST_HOUR))
"""One session a second in its busiest hour."""


def cost(micros: float, count: int = 1000, *, wal: int = 0, memory: int = 0) -> Cost:
    """So many microseconds a unit of each of the web, the worker and Postgres; none of Redis."""
    used = dict.fromkeys((WEB, WORKER, POSTGRES), micros * count / 1e6) | {REDIS: 0.0}
    return Cost(count, 1.0, used, wal * count, memory * count)


def everything(times: float = 1.0) -> Figures:
    """All stages cost 100 microseconds of each and 10 bytes of WAL, at two sizes of which the second is dearer."""
    sides = [name.format(route) for route in names.READ for name in (names.PLAIN, names.ELSEWHERE)]
    costs = {
        size: {stage: [cost(micros, wal=10, memory=400)] * 3 for stage in (*names.UNITS, *sides)}
        for size, micros in ((1000, 100), (2000, 100 * times))
    }
    on_disk = dict.fromkeys((*names.BY_EVENT, *names.BY_PERSON), 200.0)
    held = {name: [100.0] for name in (names.WEB_MIB, names.WORKER_MIB, names.BACKEND_MIB)}
    return Figures(
        costs, {1000: on_disk, 2000: on_disk}, {1: [500.0], 2: [1000.0]}, {1: [900.0], 32: [5000.0]}, held
    )


def cells(made: Table) -> dict[str, list[str]]:
    return {row[0]: list(row[1:]) for row in made.rows}


def test_a_session_costs_each_stage_as_often_as_it_is_done() -> None:
    visit = needs.visit(everything(), SESSION)
    requests = 4 + 3 + 2 + 1 + 2
    first, further = 5, 10 - 2 - 5
    behind = 10 * (3 + 3 + 1)  # sealed and delivered for three sinks, and counted
    assert sum(needs.units(SESSION).values()) == requests + first + further + behind
    assert visit.seconds[WEB] == pytest.approx((requests + first + further + behind) * 100e-6)
    assert visit.wal == pytest.approx((requests + first + further + behind) * 10)
    assert visit.commits == 5 + 2 + 1


def test_a_session_is_reckoned_with_the_largest_log() -> None:
    small, large = needs.visit(everything(), SESSION), needs.visit(everything(times=3), SESSION)
    assert large.total == pytest.approx(3 * small.total)
    assert needs.visit(everything(times=3), SESSION, size=1000).total == pytest.approx(small.total)


def test_a_replica_changes_what_was_seen_to_change() -> None:
    """Of a search it takes 80 of 100 microseconds, for 90 of its own and 5 more of the web; of the others nothing."""
    found = everything()
    used = {WEB: 0.105, POSTGRES: 0.02, REPLICA: 0.09}
    found.costs[2000][names.ELSEWHERE.format(names.SEARCH)] = [Cost(1000, 1.0, used)] * 3
    moved = needs.visit(found, SESSION).moved
    assert moved == pytest.approx({WEB: 2 * 5e-6, POSTGRES: -2 * 80e-6, REPLICA: 2 * 90e-6})
    row = cells(tables.read_from_replica(found))[names.SEARCH]
    assert row[1:] == [
        "100 (100..100)",
        "105 (105..105)",
        "100 (100..100)",
        "20.0 (20.0..20.0)",
        "0.20 (0.20..0.20)",
        "90.0 (90.0..90.0)",
    ]


def test_nothing_is_reckoned_without_a_stage() -> None:
    found = everything()
    del found.costs[2000][names.SEAL]
    with pytest.raises(figures.NotMeasured, match="seal"):
        needs.visit(found, SESSION)
    assert "capacity-shops" not in {made.name for made in tables.every(found)}


def test_a_shop_needs_twice_the_cores_that_its_busiest_hour_uses() -> None:
    need = needs.need(SHOP, VISIT, SIZES)
    assert SHOP.peak == pytest.approx(1, rel=1e-4)
    assert need.cores[WEB] == pytest.approx(0.2 / needs.SPARE, rel=1e-4)
    assert need.events == pytest.approx(10, rel=1e-4)
    assert (need.web_processes, need.worker_processes) == (1, 1)
    assert need.connections == 3 * needs.CONNECTIONS_A_PROCESS
    assert need.memory_mib == 200 + 250 + need.connections * 10
    assert need.commits == pytest.approx(8, rel=1e-4)


def test_what_a_shop_keeps_grows_with_its_days() -> None:
    need = needs.need(SHOP, VISIT, SIZES)
    events = SHOP.sessions * 10 * 90
    people = SHOP.sessions * needs.SIGNED_IN * 90 / needs.VISITS_A_QUARTER
    assert need.disk == pytest.approx(events * 1000 + people * 20_000)
    assert need.redis == pytest.approx(events * 400)
    assert need.wal_a_day == SHOP.sessions * 20_000


def test_ten_times_the_shop_needs_ten_times_as_much() -> None:
    one, ten = (needs.need(replace(SHOP, sessions=SHOP.sessions * n), VISIT, SIZES) for n in (1, 10))
    assert ten.disk == pytest.approx(10 * one.disk)
    assert ten.cores[POSTGRES] == pytest.approx(10 * one.cores[POSTGRES])
    assert ten.web_processes == math.ceil(10 * 0.2 / needs.SPARE)


def test_the_smallest_batches_say_how_many_workers_a_sink_needs() -> None:
    assert needs.sink_limit() == needs.SPARE * 100 / needs.ROUND_TRIP_SECONDS
    busy = needs.need(replace(SHOP, sessions=SHOP.sessions * 200), VISIT, SIZES)
    assert busy.worker_processes == math.ceil(200 * 10 / needs.sink_limit())


def test_what_ends_first_stands_first() -> None:
    found = needs.limits(VISIT, commits=1000, redis_event=400, erasing=1e-6)
    assert [limit.sessions for limit in found] == sorted(limit.sessions for limit in found)
    by_name = {limit.what: limit.sessions for limit in found}
    assert by_name["two cores with everything on them"] == pytest.approx(2 * needs.SPARE / VISIT.total)
    assert by_name["one web process, on a core of its own"] == pytest.approx(needs.SPARE / 0.2)
    assert by_name["Postgres on 16 cores"] == pytest.approx(8 * by_name["Postgres on 2 cores of its own"])
    assert by_name["commits of one primary, on the disk measured"] == pytest.approx(needs.SPARE * 1000 / 8)
    assert by_name["BigQuery's 100,000 rows a second"] == 10_000


def test_an_erasure_that_grows_with_the_log_ends_somewhere() -> None:
    """300 microseconds of all together at 1,000 events, 900 at 2,000."""
    slope = needs.erasing(everything(times=3))
    assert slope == pytest.approx(600e-6 / 1000)
    found = needs.limits(VISIT, commits=1000, redis_event=400, erasing=slope)
    by_name = {limit.what: limit.a_day for limit in found}
    events = 86_400 / slope
    assert by_name["an erasure takes a day of one core"] == pytest.approx(events / 90 / VISIT.events)
    assert needs.erasing(everything()) == 0


def test_a_sink_that_is_off_fills_no_redis() -> None:
    found = needs.limits(VISIT, commits=1000, redis_event=0, erasing=0)
    assert [limit.sessions for limit in found[-2:]] == [math.inf, math.inf]


def holds(one: Deployment, commits: float) -> tuple[str, float]:
    sessions, first = one.holds(VISIT, commits)
    return first, round(sessions, 6)


def test_a_deployment_holds_what_its_scarcest_part_holds() -> None:
    served = 0.2 + 0.01 + 0.001
    few = Deployment("few", web_cores=4, postgres_cores=16)
    assert holds(few, commits=1e6) == ("web and worker", round(4 * needs.SPARE / served, 6))
    many = Deployment("many", web_cores=1000, postgres_cores=16)
    assert holds(many, commits=1e6) == ("Postgres's cores", 16 * needs.SPARE / 0.05)
    assert holds(many, commits=160) == ("Postgres's commits", needs.SPARE * 160 / 8)


def test_a_replica_leaves_the_primary_the_rest() -> None:
    one = Deployment("one", web_cores=1000, postgres_cores=16)
    other = replace(one, replica_cores=1000)
    assert other.holds(VISIT, 1e6)[0] == pytest.approx(one.holds(VISIT, 1e6)[0] * 0.05 / (0.05 - 0.03))
    assert holds(replace(one, replica_cores=4), 1e6) == ("the replicas' cores", 4 * needs.SPARE / 0.04)
    served = 0.2 + 0.01 + 0.001 + 0.01
    few = replace(other, web_cores=4)
    assert holds(few, 1e6) == ("web and worker", round(4 * needs.SPARE / served, 6))


def test_nodes_add_up() -> None:
    one = Deployment("one", web_cores=1000, postgres_cores=16)
    assert replace(one, nodes=3).holds(VISIT, 1e6)[0] == pytest.approx(3 * one.holds(VISIT, 1e6)[0])


def test_a_cost_is_told_apart_by_who_spends_it() -> None:
    one = Cost(4, 1.0, {WEB: 0.2, POSTGRES: 0.1}, wal=400)
    assert one.micros(WEB) == pytest.approx(50_000)
    assert one.micros() == pytest.approx(75_000)
    assert one.wal_bytes == 100


def test_figures_are_kept_and_parts_measured_later_are_added(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert figures.read(file) == Figures()
    figures.write(file, everything())
    assert figures.read(file) == everything()
    later = Figures({2000: {names.SEAL: [cost(7)]}}, drained={4: [2000.0]})
    found = figures.merged(figures.read(file), later)
    assert found.micros(names.SEAL, WORKER, size=2000) == pytest.approx(7)
    assert found.micros(names.SEAL, WORKER, size=1000) == pytest.approx(100)
    assert set(found.drained) == {1, 2, 4}


def test_growth_compares_the_largest_log_with_the_smallest() -> None:
    found = cells(tables.growth(everything(times=2.5)))
    assert set(found) == set(names.UNITS)
    assert {row[-1] for row in found.values()} == {"2.50"}


def test_every_table_is_made_when_everything_was_measured() -> None:
    made = {one.name: one for one in tables.every(everything())}
    page = options.PAGE.read_text()
    assert all(f"<!-- begin {name} -->" in page for name in made)
    assert page.count("<!-- begin ") == len(made) + 1  # and the machine
    assert cells(made["capacity-stages"])[names.INGEST_MANY][-2] == number_a_core(300)
    assert cells(made["capacity-workers"])["2"] == ["1,000 (1,000..1,000)", "2.00 (2.00..2.00)"]
    assert len(made["capacity-shops"].columns) == 1 + len(needs.SHOPS)


def test_the_check_adds_what_is_idle_to_what_events_cost() -> None:
    found = everything()
    found.processes[names.IDLE.format("beat")] = [0.02]
    made = cells(tables.check(found, SESSION))
    assert made["beat"][:3] == ["0.0 %", "2.0 %", "2.0 %"]
    reckoned = visits.busy()[0] * needs.visit(found, SESSION, size=1000).seconds[WORKER]
    assert made["worker"][0] == made["worker"][2] == tables.percent(reckoned)


def number_a_core(micros: float) -> str:
    return f"{1e6 / micros:,.0f}"


def test_a_session_is_read_from_the_page_about_load() -> None:
    found = visits.session()
    assert set(found.requests) == set(visits.ROUTES)
    assert 5 < found.events < 20
    assert found.sent < found.events
    rate, shares = visits.busy()
    assert rate > 0
    assert 0 < shares["web process"] < 2


def test_a_table_of_a_page_is_read_by_its_name() -> None:
    text = "<!-- begin a -->\n\n| x | y |\n| --- | --- |\n| one | 1,000 |\n|  | 2 |\n\n<!-- end a -->\n| no | 3 |"
    assert visits.rows(text, "a") == [["x", "y"], ["one", "1,000"], ["", "2"]]
    assert visits.number("1,000") == 1000


def test_the_busiest_hour_is_that_of_the_real_sessions() -> None:
    """Of the days that the sample holds whole."""
    folder = data.folder("yoochoose").parent
    assert visits.busiest_hour(folder) == pytest.approx(visits.BUSIEST_HOUR, abs=0.0005)


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parsed(["--only", "speed"])
    assert "There is no speed; there are requests, " in capsys.readouterr().err


def test_sizes_come_in_order() -> None:
    assert options.parsed(["--sizes", "300,100"]).sizes == (100, 300)


@pytest.mark.slow
def test_the_smallest_run_measures_every_stage(tmp_path: Path) -> None:
    theirs = ("DATABASE_URL", "REDIS_URL", "CLOUD_STORAGE_ENDPOINT", "BIGQUERY_ENDPOINT", "CELERY_BROKER_URL")
    variables = os.environ | dict.fromkeys(theirs, "")
    file = tmp_path / "figures.json"
    sizes = {
        "sizes": "1000",
        "runs": 1,
        "requests": 10,
        "events": 200,
        "idle-seconds": 1,
        "semantic": "false",
    }
    small = [f"--{name}={value}" for name, value in sizes.items()]
    said = subprocess.run(
        [sys.executable, "-m", "bench", "capacity", *small, f"--catalogue={CATALOGUE}", f"--figures={file}"],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
    kept = json.loads(file.read_text())
    assert set(kept["costs"]["1000"]) == set(names.UNITS)
    made = {table.name for table in tables.every(figures.read(file))}
    assert {"capacity-shops", "capacity-limits", "capacity-deployments"} <= made
