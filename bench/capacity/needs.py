"""What a shop of so many sessions a day needs, and where it ends: arithmetic over what was measured, and nothing else.

Whatever comes out of here is reckoned, not measured: the tables say so. `SPARE` of every core stays free, for
sessions come in bursts within their hour.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.capacity import names as stages
from bench.capacity.figures import POSTGRES, REDIS, REPLICA, WEB, WHO, WORKER, Figures
from bench.capacity.visits import BUSIEST_HOUR, Session

SPARE = 0.5
DAYS = 90
"""Of the log, and of what Redis keeps."""
HOUR, DAY = 3600.0, 86_400.0
GIB = 2**30
VISITS_A_QUARTER = 6
"""Of a person who signs in: how often they come back within the 90 days. An assumption, like the two below it."""
SIGNED_IN = 0.35
ROUND_TRIP_SECONDS = 0.1
"""Of a call to Google."""
CONNECTIONS_A_PROCESS = 8
"""At most, with the settings as shipped (`MOST_CONNECTIONS` in leafloaf/settings.py)."""
MOST_CONNECTIONS, KEPT_BACK = 100, 10
"""Postgres's `max_connections` as it comes, and those for staff, releases and copies."""
BIGQUERY_ROWS_A_SECOND = 100_000
"""Google's quota of a project for streaming (BigQuery documentation, "Quotas and limits")."""
BATCHES = {"redis": 500, "cloud_storage": 100, "bigquery": 500}


@dataclass(frozen=True)
class Visit:
    """What one session costs: processor seconds by who spends them, bytes of WAL, commits that wait for the disk."""

    seconds: Mapping[str, float]
    moved: Mapping[str, float]
    """By how much those change for who has a replica, with the replica's own."""
    events: float
    wal: float
    commits: float
    sealing: float
    """Seconds of all together for one event and sink, while nobody else seals for that sink."""

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def visit(found: Figures, session: Session, size: int | None = None) -> Visit:
    """By the costs at one size of the log, the largest unless said.

    The first event of a request costs what a lone one costs, each further one what one of a hundred costs.

    Raises:
        NotMeasured: a stage is missing.
    """
    size = max(found.costs) if size is None else size

    def micros(stage: str, who: str) -> float:
        return found.micros(stage, who, size=size)

    seconds = {who: sum(n * micros(stage, who) for stage, n in units(session).items()) / 1e6 for who in WHO}
    wal = sum(n * found.wal(stage, size) for stage, n in units(session).items())
    sealing = found.micros(stages.SEAL, size=size) / 1e6
    return Visit(seconds, moved(found, session, size), session.events, wal, commits(session), sealing)


def moved(found: Figures, session: Session, size: int) -> dict[str, float]:
    """Seconds a session that a replica takes, and by how much others have more or less to do for it.

    By ratios, for what a thing costs beside a replica was measured at another hour than the stages: of the largest log
    with which it was.

    Raises:
        NotMeasured: it never was.
    """
    seen = max((one for one in found.costs if found.of(stages.PLAIN.format(stages.SEARCH), one)), default=0)

    def ratio(route: str, who: str, whose: str) -> float:
        """What one has to do with a replica, for what another has without."""
        there = found.micros(stages.ELSEWHERE.format(route), who, size=seen)
        return there / max(found.micros(stages.PLAIN.format(route), whose, size=seen), 1e-9)

    changed = dict.fromkeys((WEB, POSTGRES, REPLICA), 0.0)
    for route in session.requests.keys() & set(stages.READ):
        web, postgres = (
            session.requests[route] * found.micros(route, who, size=size) / 1e6 for who in (WEB, POSTGRES)
        )
        changed[WEB] += web * (ratio(route, WEB, WEB) - 1)
        changed[POSTGRES] += postgres * (ratio(route, POSTGRES, POSTGRES) - 1)
        changed[REPLICA] += postgres * ratio(route, REPLICA, POSTGRES)
    return changed


def units(session: Session) -> dict[str, float]:
    """How often each stage does its work for one session."""
    requests = {route: session.requests[route] for route in session.requests if route != "events"}
    first = session.requests["events"]
    ingested = {stages.INGEST_ONE: first, stages.INGEST_MANY: max(0.0, session.sent - first)}
    behind = {stages.SEAL: session.events * len(stages.DELIVER), stages.COUNT: session.events}
    return requests | ingested | behind | dict.fromkeys(stages.DELIVER.values(), session.events)


def commits(session: Session) -> float:
    """Requests that store something durably: events, searches, lists that were recommended."""
    return (
        session.requests["events"]
        + session.requests[stages.SEARCH]
        + session.requests[stages.RECOMMENDATIONS]
    )


@dataclass(frozen=True)
class Shop:
    """A shop by its sessions a day, of which the busiest hour has `BUSIEST_HOUR`."""

    name: str
    sessions: int

    @property
    def peak(self) -> float:
        """Sessions that begin each second of the busiest hour."""
        return busiest(self.sessions)


SHOPS = (
    Shop("small", 5_000),
    Shop("medium", 50_000),
    Shop("large", 500_000),
    Shop("very large", 5_000_000),
)


@dataclass(frozen=True)
class Sizes:
    """What is kept: bytes on disk an event and a person, bytes of Redis an event; MiB of each process."""

    event: float
    person: float
    redis_event: float
    web_mib: float
    worker_mib: float
    backend_mib: float
    idle: float
    """Cores that worker, scheduler, Postgres and Redis use while nobody comes."""


@dataclass(frozen=True)
class Need:
    """What a shop has to rent for its busiest hour, and for what it keeps."""

    events: float
    """A second."""
    cores: Mapping[str, float]
    web_processes: int
    worker_processes: int
    connections: int
    memory_mib: float
    """Of the web, the workers and Postgres's connections; its buffers come on top."""
    disk: float
    wal_a_day: float
    wal_a_second: float
    redis: float
    commits: float
    bigquery_share: float


def need(shop: Shop, visit: Visit, sizes: Sizes) -> Need:
    cores = {who: shop.peak * seconds / SPARE for who, seconds in visit.seconds.items()}
    events = shop.peak * visit.events
    web = max(1, math.ceil(cores[WEB]))
    workers = max(1, math.ceil(cores[WORKER]), math.ceil(events / sink_limit()))
    connections = (web + workers + 1) * CONNECTIONS_A_PROCESS  # and the scheduler
    kept = shop.sessions * visit.events * DAYS
    people = shop.sessions * SIGNED_IN * DAYS / VISITS_A_QUARTER
    return Need(
        events,
        cores,
        web,
        workers,
        connections,
        web * sizes.web_mib + workers * sizes.worker_mib + connections * sizes.backend_mib,
        kept * sizes.event + people * sizes.person,
        shop.sessions * visit.wal,
        shop.peak * visit.wal,
        kept * sizes.redis_event,
        shop.peak * visit.commits,
        events / BIGQUERY_ROWS_A_SECOND,
    )


def sink_limit() -> float:
    """Events a second that one worker process sends to its slowest sink, which gets one batch at a time from it."""
    return SPARE * min(BATCHES.values()) / ROUND_TRIP_SECONDS


@dataclass(frozen=True)
class Limit:
    """Something that ends, and at how many sessions a second it does."""

    what: str
    sessions: float
    lifted_by: str

    @property
    def a_day(self) -> float:
        return self.sessions * HOUR / BUSIEST_HOUR


def erasing(found: Figures) -> float:
    """By how many seconds an erasure takes longer for each event that the log holds; 0 where it was not seen to.

    Raises:
        NotMeasured: there is no erasure.
    """
    sizes = sorted(found.costs)
    small, large = (found.micros(stages.ERASURE, size=size) for size in (sizes[0], sizes[-1]))
    return max(0.0, large - small) / 1e6 / (sizes[-1] - sizes[0]) if len(sizes) > 1 else 0.0


def times(whole: float, part: float) -> float:
    """How often a part fits; for ever when a run was too short to see what it takes."""
    return whole / part if part > 0 else math.inf


def busiest(sessions_a_day: float) -> float:
    """Sessions a second in the busiest hour."""
    return sessions_a_day * BUSIEST_HOUR / HOUR


def limits(visit: Visit, commits: float, redis_event: float, erasing: float) -> list[Limit]:
    """What ends first comes first.

    Args:
        commits: a second, as the disk that was measured can make durable.
        redis_event: bytes that Redis keeps of an event.
        erasing: seconds by which an erasure is longer for each event of the log.
    """
    web, postgres = visit.seconds[WEB], visit.seconds[POSTGRES]
    processes = (MOST_CONNECTIONS - KEPT_BACK) // CONNECTIONS_A_PROCESS - 2
    kept = visit.events * DAYS
    memory = busiest(times(16 * GIB, redis_event * kept))
    turn = busiest(times(DAY, erasing * kept))
    found = [
        Limit(
            "two cores with everything on them",
            times(2 * SPARE, visit.total),
            "a machine for the web, one for Postgres",
        ),
        Limit(
            "one web process, on a core of its own",
            times(SPARE, web),
            "one more process for each core, then machines",
        ),
        Limit(
            "one worker process, on a core of its own",
            times(SPARE, visit.seconds[WORKER]),
            "more worker processes",
        ),
        Limit(
            f"one worker process, {min(BATCHES.values())} events to Cloud Storage each {ROUND_TRIP_SECONDS} s",
            sink_limit() / visit.events,
            "more worker processes: they share a sink's batches",
        ),
        Limit(
            "sealing for one sink: one at a time",
            times(SPARE, visit.sealing * visit.events),
            "larger batches (`BATCH_SIZE`)",
        ),
        Limit("Postgres on 2 cores of its own", times(2 * SPARE, postgres), "more cores"),
        Limit("Postgres on 16 cores", times(16 * SPARE, postgres), "more cores; a replica"),
        Limit("Postgres on 64 cores", times(64 * SPARE, postgres), "a replica; several primaries"),
        Limit(
            "commits of one primary, on the disk measured",
            SPARE * commits / visit.commits,
            "a faster disk; more events a request",
        ),
        Limit(
            f"{MOST_CONNECTIONS} connections: {processes} web processes, a worker, the scheduler",
            times(processes * SPARE, web),
            "a higher `max_connections`",
        ),
        Limit(
            "Redis on its one core",
            times(SPARE, visit.seconds[REDIS]),
            "switching the sink off; Redis Cluster",
        ),
        Limit(
            "an erasure takes a day of one core",
            turn,
            "erasing people together: they share one count of baskets",
        ),
        Limit("16 GiB of Redis, for its 90 days", memory, "more memory; switching the sink off"),
        Limit(
            f"BigQuery's {BIGQUERY_ROWS_A_SECOND:,} rows a second",
            BIGQUERY_ROWS_A_SECOND / visit.events,
            "Google raises it on request",
        ),
    ]
    return sorted(found, key=lambda limit: limit.sessions)


@dataclass(frozen=True)
class Deployment:
    """Machines, and what they hold: the smallest of what web, Postgres and its disk hold."""

    name: str
    web_cores: int
    postgres_cores: int
    nodes: int = 1
    replica_cores: int = 0
    """Of all its replicas together."""

    def holds(self, visit: Visit, commits: float) -> tuple[float, str]:
        """Sessions a second, and what ends first."""
        moved = visit.moved if self.replica_cores else {}
        postgres = visit.seconds[POSTGRES] + moved.get(POSTGRES, 0.0)
        served = visit.seconds[WEB] + visit.seconds[WORKER] + visit.seconds[REDIS] + moved.get(WEB, 0.0)
        found = {
            "web and worker": times(self.web_cores * SPARE, served),
            "Postgres's cores": times(self.nodes * self.postgres_cores * SPARE, postgres),
            "Postgres's commits": times(self.nodes * SPARE * commits, visit.commits),
            "the replicas' cores": times(self.replica_cores * SPARE, moved.get(REPLICA, 0.0)),
        }
        first = min(found, key=lambda name: found[name])
        return found[first], first


DEPLOYMENTS = (
    Deployment("web and workers on 4 cores, Postgres on 2", 4, 2),
    Deployment("web and workers on 16 cores, Postgres on 4", 16, 4),
    Deployment("web and workers on 64 cores, Postgres on 16", 64, 16),
    Deployment("the same, and replicas on 32", 64, 16, replica_cores=32),
    Deployment("web and workers on 128 cores, Postgres on 16, replicas on 48", 128, 16, replica_cores=48),
    Deployment("web and workers on 256 cores, Postgres on 64", 256, 64),
    Deployment("the same, and replicas on 128 (AlloyDB's read pool)", 256, 64, replica_cores=128),
    Deployment("web and workers on 512 cores, Citus by subject on 4 nodes of 32", 512, 32, nodes=4),
)
