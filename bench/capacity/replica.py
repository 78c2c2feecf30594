"""Requests that read the catalogue, asked of two web processes in turn: one of them knows a replica."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.capacity import shop
from bench.capacity.asking import Visitors
from bench.capacity.figures import REPLICA, Cost
from bench.capacity.names import ELSEWHERE, PLAIN, READ
from bench.capacity.options import Options
from bench.capacity.spending import Meter
from bench.capture import clients
from bench.privacy.shop import Shop
from leafloaf.stack import ports
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.standby import Standby
from leafloaf.stack.throwaway import Component


def measure(running: Shop, visitors: Visitors, given: Options) -> dict[str, list[Cost]]:
    """By route, as `PLAIN` and `ELSEWHERE` call it; who goes first changes with each round."""
    found: dict[str, list[Cost]] = {}
    with standby(running) as copy:
        address = {"DATABASE_REPLICA_URL": copy.service.environment()["DATABASE_URL"]}
        with shop.web(running) as plain, shop.web(running, address) as elsewhere:
            sides = [(PLAIN, *plain), (ELSEWHERE, *elsewhere)]
            for _, _, port in sides:
                for route in READ:
                    clients.post(port, visitors.requests(route, given.requests), 200)
            for number in range(given.runs):
                for route in READ:
                    for name, web, port in sides if number % 2 else reversed(sides):
                        sent = visitors.requests(route, given.requests)
                        meter = Meter.of(running.running, web.pid, {REPLICA: copy.pid})
                        cost = meter.measured(len(sent), lambda p=port, s=sent: clients.post(p, s, 200))  # type: ignore[misc]
                        found.setdefault(name.format(route), []).append(cost)
    return found


@contextmanager
def standby(running: Shop) -> Iterator[Component]:
    primary = running.running.postgres.service
    assert isinstance(primary, Postgres)
    folder = running.running.folder / "standby"
    folder.mkdir(exist_ok=True)
    made = running.running.component(
        Standby(primary, folder, ports.any_free(), running.running.log("standby"))
    )
    try:
        yield made
    finally:
        running.running.stop(made.process)
