"""The long run at the promised rate, and the curve up to saturation, beyond it and back."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bench import document
from bench.figures import Table
from bench.load import journeys, sessions, shop, tables
from bench.load.journeys import Request
from bench.load.options import Options
from bench.load.sending import Sender, Sent
from bench.load.sessions import Recorded
from bench.load.shop import Shop
from bench.load.watching import Watch
from bench.search import catalogues

WARM_UP_SECONDS = 20.0
AHEAD_SECONDS = 20.0
"""What a session asks for before its first click is due in a run that ends before that."""
REST_SECONDS = 3
BEYOND_SECONDS = 25.0
BACK_SECONDS = 15.0
PROBES = {"health": "/health", "ready": "/health/ready", "staff": "/admin/"}


def measure(given: Options) -> list[Table]:
    """Prints the tables as they come; the account is drawn up at the end, over everything that was sent."""
    recorded = sessions.read(given.data)
    rows = catalogues.cells(given.catalogue) if given.catalogue else catalogues.ocado(given.data)
    with shop.opened(rows, given.variables) as running:
        bench = Bench(given, recorded, running)
        made = [shown(table) for table in bench.parts()]
        made.append(shown(held(bench.everything)))
    if given.json:
        given.json.write_text(json.dumps({table.name: table.rows for table in made}, indent=1))
    return made


def shown(table: Table) -> Table:
    print(f"\n{table.name}\n{document.rendered(table)}\n", flush=True)
    return table


def held(sent: Sent) -> Table:
    from bench.load import standing  # needs the models

    return tables.held(standing.held(sent))


@dataclass
class Bench:
    given: Options
    recorded: Recorded
    running: Shop
    everything: Sent = field(default_factory=Sent)

    def parts(self) -> Iterator[Table]:
        if "run" in self.given.only:
            yield from self.long_run()
        if "saturation" in self.given.only:
            yield from self.saturation()

    def long_run(self) -> Iterator[Table]:
        seconds = self.given.seconds
        warm_up = min(WARM_UP_SECONDS, seconds)
        plan = planned(self.recorded, self.running, self.given.rate, "run", warm_up, seconds)
        watch, sent = self.send(plan)
        measured = [answer for answer in sent.answers if answer.due >= 0]
        yield tables.summary(self.given, self.recorded, sent, measured)
        yield tables.routes(measured, seconds)
        yield tables.memory(watch, seconds)
        yield tables.processors(watch, seconds + warm_up)

    def saturation(self) -> Iterator[Table]:
        """Steps up; then twice the last rate that was held; then the promised one."""
        steps = [self.step(rate) for rate in self.given.steps]
        yield tables.curve(steps)
        limit = max([step.rate for step in steps if step.is_held], default=self.given.steps[0])
        much = planned(
            self.recorded, self.running, limit * 2, "beyond", tables.WARM_UP_SECONDS, BEYOND_SECONDS
        )
        back = planned(self.recorded, self.running, self.given.rate, "back", 0, BACK_SECONDS)
        plan = much + [replace(request, at=request.at + BEYOND_SECONDS) for request in back]
        _, sent = self.send(plan)
        yield tables.beyond(limit * 2, sent.answers, BEYOND_SECONDS)
        yield tables.recovery(sent.answers, BEYOND_SECONDS)

    def step(self, rate: float) -> tables.Step:
        seconds = self.given.step_seconds
        plan = planned(self.recorded, self.running, rate, f"s{rate}", tables.WARM_UP_SECONDS, seconds)
        watch, sent = self.send(plan)
        measured = [answer for answer in sent.answers if answer.due >= 0]
        made = tables.Step(rate, seconds, measured, watch.used_since())
        print(tables.line(made), flush=True)
        time.sleep(REST_SECONDS)
        return made

    def send(self, plan: list[Request]) -> tuple[Watch, Sent]:
        watch = Watch(self.running.process.pid)
        sent = asyncio.run(sending(self.running, plan, watch))
        self.everything = self.everything.and_of(sent)
        return watch, sent


def planned(
    recorded: Recorded, running: Shop, rate: float, name: str, warm_up: float, seconds: float
) -> list[Request]:
    """The visitors' requests, and twice a second each of those that must be answered however busy the shop is."""
    shoppers = journeys.planned(
        recorded.arriving(rate, seconds + AHEAD_SECONDS), running.products, name, -warm_up, seconds
    )
    ticks = [tick / 2 for tick in range(int(-warm_up * 2), int(seconds * 2))]
    probes = [
        Request(tick + 0.25 * place, route, path, "probe")
        for tick in ticks
        for place, (route, path) in enumerate(PROBES.items())
        if route != "staff" or tick == int(tick)
    ]
    return sorted(shoppers + probes, key=lambda request: request.at)


async def sending(running: Shop, plan: list[Request], watch: Watch) -> Sent:
    watch.begin(-plan[0].at)
    watching = asyncio.create_task(watch.run())
    try:
        return await Sender(running.port, running.keys).send(plan)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
