"""What was measured, and what is reckoned from it, as tables of docs/capacity.md."""

import math
from collections.abc import Callable, Iterator, Sequence

from bench.capacity import names, needs, visits
from bench.capacity.figures import (
    POSTGRES,
    REDIS,
    REPLICA,
    WEB,
    WHO,
    WORKER,
    Cost,
    Figures,
    NotMeasured,
    median,
)
from bench.capacity.names import (
    BACKEND_MIB,
    BEAT_KIND,
    IDLE,
    WEB_KIND,
    WEB_MIB,
    WORKER_KIND,
    WORKER_MIB,
)
from bench.capacity.needs import Sizes, Visit
from bench.figures import Spread, Table, number

ORDER = tuple(names.UNITS)
MIB, GIB = 2**20, 2**30


def every(found: Figures) -> Iterator[Table]:
    """Those for which everything was measured."""
    session = visits.session()
    if found.costs:
        yield stages(found)
        yield growth(found)
        yield growth_of_wal(found)
        yield read_from_replica(found)
    if found.disk:
        yield sizes_on_disk(found)
    if found.drained:
        yield drained(found)
    if found.commits:
        yield commits(found)
    if found.processes:
        yield processes(found)
    try:
        visit, erasing = needs.visit(found, session), needs.erasing(found)
        kept, durable = sizes(found), median(found.commits.get(32, []), "commits")
    except NotMeasured as missing:
        print(f"\nNothing is reckoned: there is no figure of {missing}.")
        return
    yield one_session(visit, session)
    yield check(found, session)
    yield shops(visit, kept)
    yield limits(visit, kept, durable, erasing)
    yield deployments(visit, durable)


def stages(found: Figures) -> Table:
    """At the smallest size, told apart by who spends it."""
    size = min(found.costs)
    columns = ["processor time, µs", "of one", "n", *WHO, "together", "a second a core", "WAL, bytes"]
    made = Table("capacity-stages", columns)
    for stage in ORDER:
        if costs := found.of(stage, size):
            made.rows.append([stage, names.UNITS[stage], str(len(costs)), *spent(costs)])
    made.notes.append(
        f"Median (smallest..largest) of n measurements; {size:,} events in the log. *A second a core* is 1 divided by "
        "the processor seconds of all together."
    )
    return made


def spent(costs: Sequence[Cost]) -> list[str]:
    each = [cell(costs, lambda cost, who=who: cost.micros(who)) for who in WHO]  # type: ignore[misc]
    together = cell(costs, lambda cost: cost.micros())
    a_core = 1e6 / max(1e-9, median([cost.micros() for cost in costs], "together"))
    return [*each, together, number(a_core, 1), cell(costs, lambda cost: cost.wal_bytes)]


def cell(costs: Sequence[Cost], figure: Callable[[Cost], float], digits: int = 0) -> str:
    values = [figure(cost) for cost in costs]
    if not any(values):
        return ""
    digits = digits or (1 if max(values) < 100 else 0)
    return Spread(values).text(digits) if len(values) > 1 else number(values[0], digits)


def growth(found: Figures) -> Table:
    """All processors together, by the size of the log."""
    return by_size("capacity-growth", "processor time, µs, all together", found, lambda cost: cost.micros())


def growth_of_wal(found: Figures) -> Table:
    return by_size("capacity-wal", "WAL, bytes", found, lambda cost: cost.wal_bytes)


def by_size(name: str, title: str, found: Figures, figure: Callable[[Cost], float]) -> Table:
    sizes = sorted(found.costs)
    made = Table(name, [title, "of one", *(f"{size:,} events" for size in sizes), "largest to smallest"])
    for stage in ORDER:
        at = [found.of(stage, size) for size in sizes]
        if all(at) and any(figure(cost) for costs in at for cost in costs):
            ends = [median([figure(cost) for cost in costs], stage) for costs in (at[0], at[-1])]
            times = f"{ends[1] / ends[0]:.2f}" if ends[0] > 0 else ""
            made.rows.append([stage, names.UNITS[stage], *(cell(costs, figure) for costs in at), times])
    return made


def read_from_replica(found: Figures) -> Table:
    """At the largest size at which it was measured."""
    heads = [f"{who}, {how}" for who in ("web", "primary") for how in ("alone", "with a replica")]
    made = Table(
        "capacity-replica", ["processor time, µs a request", "n", *heads, "primary: ratio", "the replica"]
    )
    sizes = [size for size in sorted(found.costs) if found.of(names.PLAIN.format(names.SEARCH), size)]
    for route in names.READ if sizes else ():
        alone, beside = (found.of(name.format(route), sizes[-1]) for name in (names.PLAIN, names.ELSEWHERE))
        pairs = [
            [cell(costs, lambda cost, who=who: cost.micros(who)) for costs in (alone, beside)]  # type: ignore[misc]
            for who in (WEB, POSTGRES)
        ]
        ratios = [
            two.micros(POSTGRES) / max(one.micros(POSTGRES), 1e-9)
            for one, two in zip(alone, beside, strict=True)
        ]
        there = cell(beside, lambda cost: cost.micros(REPLICA))
        made.rows.append([route, str(len(beside)), *pairs[0], *pairs[1], Spread(ratios).text(2), there])
    return made


def sizes_on_disk(found: Figures) -> Table:
    sizes = sorted(found.disk)
    made = Table("capacity-disk", ["bytes on disk", *(f"{size:,} events" for size in sizes)])
    for name in (*names.BY_EVENT, *names.BY_PERSON):
        made.rows.append([name, *(number(found.disk[size][name], 0) for size in sizes)])
    totals = [number(sum(found.disk[size][name] for name in names.BY_EVENT), 0) for size in sizes]
    made.rows.append(["event: all of it", *totals])
    remembered = [redis_bytes(found, size) for size in sizes]
    made.rows.append(["event: in Redis's memory", *(number(one, 0) if one else "" for one in remembered)])
    return made


def redis_bytes(found: Figures, size: int) -> float:
    costs = found.of(names.DELIVER["redis"], size)
    return median([cost.memory / cost.count for cost in costs], "Redis") if costs else 0.0


def drained(found: Figures) -> Table:
    base = found.drained[min(found.drained)]
    made = Table("capacity-workers", ["worker processes", "events/s to one far store", "times one"])
    for processes, rates in sorted(found.drained.items()):
        times = [rate / one for rate, one in zip(rates, base, strict=True)]
        made.rows.append([str(processes), Spread(rates).text(0), Spread(times).text(2)])
    return made


def commits(found: Figures) -> Table:
    made = Table("capacity-commits", ["connections that write", "commits a second"])
    for connections, rates in sorted(found.commits.items()):
        made.rows.append([str(connections), Spread(rates).text(0)])
    return made


def processes(found: Figures) -> Table:
    made = Table("capacity-processes", ["", "each", "how many"])
    for name, values in sorted(found.processes.items()):
        digits = 3 if "share" in name else 1
        made.rows.append([name, Spread(values).text(digits), str(len(values))])
    return made


def sizes(found: Figures) -> Sizes:
    """As at the largest size.

    Raises:
        NotMeasured: see there.
    """
    largest = max(found.disk, default=0)
    if not largest:
        raise NotMeasured("disk")
    on_disk = found.disk[largest]
    web, worker, backend = (
        median(found.processes.get(name, []), name) for name in (WEB_MIB, WORKER_MIB, BACKEND_MIB)
    )
    return Sizes(
        sum(on_disk[name] for name in names.BY_EVENT),
        sum(on_disk[name] for name in names.BY_PERSON),
        redis_bytes(found, max(found.costs)),
        web,
        worker,
        backend,
        sum(idle(found, kind) for kind in (WORKER_KIND, BEAT_KIND, POSTGRES, REDIS)),
    )


def idle(found: Figures, kind: str) -> float:
    """Of a core, while nobody comes; the sweeps of a quiet shop."""
    values = found.processes.get(IDLE.format(kind), [])
    return median(values, kind) if values else 0.0


def one_session(visit: Visit, session: visits.Session) -> Table:
    """What docs/load.md says of a session, times what each piece costs."""
    made = Table("capacity-session", ["one session", ""])
    for route, times in session.requests.items():
        made.rows.append([f"requests: {route}", number(times)])
    made.rows.append(["events, those of searches among them", number(visit.events)])
    for who in WHO:
        made.rows.append([f"{who}, processor ms", number(visit.seconds[who] * 1e3, 1)])
    made.rows.append(["together, processor ms", number(visit.total * 1e3, 1)])
    made.rows.append(
        [
            "share of Postgres that a replica takes over",
            percent(-visit.moved[POSTGRES] / max(visit.seconds[POSTGRES], 1e-9)),
        ]
    )
    made.rows.append(["WAL, kB", number(visit.wal / 1e3, 1)])
    made.rows.append(["commits that wait for the disk", number(visit.commits, 1)])
    return made


def check(found: Figures, session: visits.Session) -> Table:
    """The sum of the stages beside what the whole shop used under that load; the log was small there."""
    rate, measured = visits.busy()
    visit = needs.visit(found, session, size=min(found.costs))
    heads = ["stages, reckoned", "idle, measured", "together", "the whole shop, measured"]
    made = Table("capacity-check", [f"of one core, at {number(rate)} sessions a second", *heads])
    kinds = ((WEB, WEB_KIND), (WORKER, WORKER_KIND), (POSTGRES, POSTGRES), (REDIS, REDIS), ("", BEAT_KIND))
    for who, kind in kinds:
        busy, quiet = rate * visit.seconds.get(who, 0.0), idle(found, kind)
        shares = [busy, quiet, busy + quiet, measured.get(kind, 0.0)]
        made.rows.append([kind, *map(percent, shares)])
    return made


def shops(visit: Visit, kept: Sizes) -> Table:
    made = Table(
        "capacity-shops",
        ["reckoned", *(f"{shop.name}: {shop.sessions:,} sessions a day" for shop in needs.SHOPS)],
    )
    found = [needs.need(shop, visit, kept) for shop in needs.SHOPS]
    peaks = [number(shop.peak) for shop in needs.SHOPS]
    made.rows += [
        ["sessions a second in the busiest hour", *peaks],
        ["events a second then", *(number(one.events, 1) for one in found)],
        *([f"cores: {who}", *(number(one.cores[who]) for one in found)] for who in WHO),
        ["cores: while nobody comes", *(number(kept.idle) for _ in found)],
        ["web processes", *(f"{one.web_processes:,}" for one in found)],
        ["worker processes", *(f"{one.worker_processes:,}" for one in found)],
        ["connections to Postgres, at most", *(f"{one.connections:,}" for one in found)],
        ["memory of these and their connections, GiB", *(number(one.memory_mib / 1024, 1) for one in found)],
        ["disk for 90 days, GiB", *(number(one.disk / GIB, 1) for one in found)],
        ["WAL a day, GiB", *(number(one.wal_a_day / GIB, 1) for one in found)],
        ["WAL in the busiest hour, MB/s", *(number(one.wal_a_second / 1e6) for one in found)],
        ["commits a second then", *(number(one.commits, 1) for one in found)],
        ["Redis for its 90 days, GiB", *(number(one.redis / GIB, 1) for one in found)],
        ["BigQuery: share of 100,000 rows a second", *(percent(one.bigquery_share) for one in found)],
    ]
    return made


def limits(visit: Visit, kept: Sizes, durable: float, erasing: float) -> Table:
    made = Table(
        "capacity-limits", ["what ends, reckoned", "sessions a second", "sessions a day", "what lifts it"]
    )
    for limit in needs.limits(visit, durable, kept.redis_event, erasing):
        ends = (
            [number(limit.sessions, 1), f"{limit.a_day:,.0f}"] if limit.sessions < math.inf else ["", "never"]
        )
        made.rows.append([limit.what, *ends, limit.lifted_by])
    return made


def deployments(visit: Visit, durable: float) -> Table:
    made = Table(
        "capacity-deployments", ["deployment, reckoned", "sessions a second", "sessions a day", "ends first"]
    )
    for one in needs.DEPLOYMENTS:
        sessions, first = one.holds(visit, durable)
        a_day = sessions * needs.HOUR / visits.BUSIEST_HOUR
        made.rows.append([one.name, number(sessions, 1), f"{a_day:,.0f}", first])
    return made


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"
