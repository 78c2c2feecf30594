"""What each kind of process holds and uses: connections, memory, and processor time while nobody comes."""

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench import machine
from bench.capacity import shop
from bench.capacity.asking import Visitors
from bench.capacity.figures import POSTGRES, REDIS
from bench.capacity.names import BEAT_KIND, CONNECTIONS, IDLE, MIB, ROUTES, WEB_KIND, WORKER_KIND
from bench.capacity.options import Options
from bench.capture import clients, lag
from bench.capture.measuring import execute
from bench.load import watching
from bench.privacy.shop import Shop

LOOK_SECONDS = 0.05
CLIENT = "127.0.0.1("
"""In the title of a process of Postgres that serves a connection."""
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


def measure(running: Shop, visitors: Visitors, given: Options) -> dict[str, list[float]]:
    """One web process that is asked for everything at once, then a worker and a scheduler beside it."""
    found: dict[str, list[float]] = {}
    mine = backends()
    with shop.web(running) as (_, port):
        asked = [request for route in ROUTES for request in visitors.requests(route, given.requests)]
        most = most_backends(lambda: clients.post(port, asked, 200))
        found[CONNECTIONS.format(WEB_KIND)] = [most - mine]
        clients.post(port, visitors.events(given.requests * 10, 10))
        before = backends()
        with lag.celery(running.running, running.environment):
            most = most_backends(lambda: time.sleep(given.idle_seconds))
            found[CONNECTIONS.format(f"{WORKER_KIND} and {BEAT_KIND}")] = [most - before]
            roots = [running.running.postgres.pid, *(process.pid for process in running.running.started)]
            roots.append(running.running.redis.pid)
            found |= memory(roots) | idle(roots, given.idle_seconds)
    return found


def most_backends(work: Callable[[], object]) -> int:
    """At once, of all that asks Postgres, until the work is done."""
    most = 0
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        while not done.done():
            most = max(most, backends())
            time.sleep(LOOK_SECONDS)
        done.result()
    return most


def backends() -> int:
    return int(execute(BACKENDS)[0][0])


def memory(roots: list[int]) -> dict[str, list[float]]:
    """MiB of each process of a kind for itself; of Postgres, of one connection."""
    found: dict[str, list[float]] = defaultdict(list)
    for pid in (pid for root in roots for pid in watching.below(root)):
        kind = watching.kind_of(pid)
        if kind and (kind != POSTGRES or CLIENT in watching.command_of(pid)):
            held = watching.field_of(pid, "smaps_rollup", "Pss_Anon" if kind == POSTGRES else "Pss")
            found[MIB.format(kind)].append(held / watching.MIB)
    return found


def idle(roots: list[int], seconds: float) -> dict[str, list[float]]:
    """Shares of a core that the shop uses while nobody comes."""
    before = used(roots)
    time.sleep(seconds)
    return {
        IDLE.format(kind): [(spent - before.get(kind, 0.0)) / seconds]
        for kind, spent in used(roots).items()
        if kind in (WEB_KIND, WORKER_KIND, BEAT_KIND, POSTGRES, REDIS)
    }


def used(roots: list[int]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for root in roots:
        found[watching.kind_of(root).replace("web supervisor", WEB_KIND)] += machine.cpu_seconds(root)
    return found
