"""What was seen, as tables."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures import Table, number, percentile
from bench.load.options import Options
from bench.load.sending import Answer, Sent
from bench.load.sessions import Recorded
from bench.load.watching import GENERATOR, OTHERS, Watch

if TYPE_CHECKING:
    from bench.load.standing import Held

SLOW_MS = 350.0
"""What the shop's operator is warned of; a rate whose p99 is past it is not held."""
FEW = 0.001
"""A rate that refuses a larger share is not held either."""
WARM_UP_SECONDS = 5.0
"""Of each step."""
PROBES = ("health", "ready", "staff")
READS = ("search", "suggest", "product", "complements", "recommendations")


@dataclass(frozen=True)
class Step:
    rate: float
    seconds: float
    answers: list[Answer]
    used: dict[str, float]

    @property
    def shoppers(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.route not in PROBES]

    @property
    def spent(self) -> tuple[float, float, float]:
        """Processor seconds of the shop, of the generator, of everything else."""
        generator, others = self.used.get(GENERATOR, 0.0), self.used.get(OTHERS, 0.0)
        return sum(self.used.values()) - generator - others, generator, others

    @property
    def refused(self) -> float:
        return share(not is_good(answer) for answer in self.shoppers)

    @property
    def is_held(self) -> bool:
        return self.refused <= FEW and milliseconds(self.shoppers, 0.99) <= SLOW_MS


def is_good(answer: Answer) -> bool:
    return 200 <= answer.status < 400


def is_refusal(answer: Answer) -> bool:
    """As the contract has it."""
    return answer.status in (429, 503) and answer.is_problem and answer.retry_after.isdecimal()


def milliseconds(answers: Iterable[Answer], at: float) -> float:
    found = [answer.seconds * 1000 for answer in answers if is_good(answer)]
    return percentile(found, at) if found else 0.0


def share(found: Iterable[bool]) -> float:
    all_of = list(found)
    return sum(all_of) / len(all_of) if all_of else 0.0


def percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def summary(given: Options, recorded: Recorded, sent: Sent, measured: Sequence[Answer]) -> Table:
    shoppers = [answer for answer in measured if answer.route not in PROBES]
    bad = Counter(f"{answer.status} {answer.said[:80]}" for answer in measured if not is_good(answer))
    events = sent.accepted.total() / span(sent)
    rows = [
        ("sessions that begin a second", number(given.rate)),
        ("arrivals are faster than in the data by", f"{given.rate * recorded.mean_gap:.0f} times"),
        ("seconds measured", number(given.seconds, 0)),
        ("requests a second", number(len(shoppers) / given.seconds, 1)),
        ("events accepted a second", number(events, 1)),
        ("errors and refusals", ", ".join(f"{count} x {what}" for what, count in bad.items()) or "0"),
        ("p50, p95, p99 of all requests, ms", triple(shoppers)),
        ("connections opened", str(sent.connections)),
        ("sent later than planned, p50, p99, most, ms", lateness(measured)),
    ]
    return Table("load-summary", ["", ""], [*rows])


def span(sent: Sent) -> float:
    """Seconds from the first request that was due to the last."""
    dues = [answer.due for answer in sent.answers]
    return max(dues) - min(dues)


def triple(answers: Sequence[Answer]) -> str:
    return " / ".join(number(milliseconds(answers, at), 1) for at in (0.5, 0.95, 0.99))


def lateness(answers: Sequence[Answer]) -> str:
    late = [answer.late * 1000 for answer in answers]
    return f"{percentile(late, 0.5):.1f} / {percentile(late, 0.99):.1f} / {max(late):.1f}"


def routes(answers: Sequence[Answer], seconds: float) -> Table:
    made = Table("load-routes", ["", "requests", "a second", "p50, ms", "p95", "p99", "errors"])
    by_route: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_route[answer.route].append(answer)
    for route, found in sorted(by_route.items(), key=lambda one: -len(one[1])):
        cells = [number(milliseconds(found, at), 1) for at in (0.5, 0.95, 0.99)]
        errors = sum(not is_good(answer) for answer in found)
        made.rows.append([route, str(len(found)), number(len(found) / seconds, 1), *cells, str(errors)])
    return made


def memory(watch: Watch, seconds: float) -> Table:
    """Means of the fifths of the run: what fills up rises ever more slowly, what leaks goes on as it began."""
    made = Table("load-memory", ["MiB, mean of the", "first fifth", "second", "third", "fourth", "last"])
    part = seconds / 5
    for name in sorted(watch.memory):
        means = [watch.mean(name, part * place, part * (place + 1)) for place in range(5)]
        made.rows.append([name, *(number(mean, 1) for mean in means)])
    return made


def processors(watch: Watch, seconds: float) -> Table:
    used = sorted(watch.used_since().items(), key=lambda one: -one[1])
    made = Table("load-processors", ["", "of one core"])
    made.rows += [[name, percent(spent / seconds)] for name, spent in used if spent / seconds > 0.001]
    made.rows.append(["together, of two", percent(sum(spent for _, spent in used) / seconds)])
    return made


def held(found: "Held") -> Table:
    rows = [
        ("accepted (202, or a search answered)", str(found.accepted), ""),
        ("accepted and not in the log", str(found.missing), "0"),
        ("in the log, though nobody was told so", str(found.unknown), "0"),
        *(
            (f"{name} holds", str(size), f"{found.wrong[name]} not once")
            for name, size in found.places.items()
        ),
        ("accounts of the ledger that are open", str(found.open_accounts), "0"),
        ("pending or dead", str(found.pending), "0"),
        ("seconds until nothing was pending", number(found.seconds, 0), ""),
    ]
    return Table("load-held", ["events", "", "should be"], [*rows])


def line(step: Step) -> str:
    return " | ".join(cells(step))


def cells(step: Step) -> list[str]:
    good = sum(is_good(answer) for answer in step.shoppers)
    refusals = [answer for answer in step.shoppers if not is_good(answer)]
    waits = [answer.seconds * 1000 for answer in refusals] or [0.0]
    return [
        f"{step.rate:g}",
        number(len(step.shoppers) / step.seconds, 0),
        number(good / step.seconds, 0),
        percent(step.refused),
        *(number(milliseconds(step.shoppers, at), 0) for at in (0.5, 0.99)),
        number(percentile(waits, 0.5), 0) if refusals else "",
        *(number(milliseconds(of(step.answers, route), 0.99), 0) for route in ("health", "staff")),
        *(percent(spent / (step.seconds + WARM_UP_SECONDS)) for spent in step.spent),
    ]


def of(answers: Iterable[Answer], *names: str) -> list[Answer]:
    return [answer for answer in answers if answer.route in names]


def curve(steps: Sequence[Step]) -> Table:
    columns = ["sessions/s", "requests/s asked", "answered", "refused", "p50, ms", "p99", "a refusal's p50"]
    columns += ["health p99", "staff p99", "cores: the shop", "the generator", "others"]
    return Table("load-curve", columns, [cells(step) for step in steps])


def beyond(rate: float, answers: Sequence[Answer], seconds: float) -> Table:
    """While it lasted, by what was asked for."""
    made = Table(
        "load-beyond",
        [
            f"{rate:g} sessions/s",
            "asked",
            "answered",
            "refused as promised",
            "other errors",
            "p50, ms",
            "p99",
        ],
    )
    during = [answer for answer in answers if 0 <= answer.due < seconds]
    groups = {"reads": of(during, *READS), "events": of(during, "events")}
    for name, found in (groups | {probe: of(during, probe) for probe in PROBES}).items():
        good, refused = sum(map(is_good, found)), sum(map(is_refusal, found))
        times = [number(milliseconds(found, at), 0) for at in (0.5, 0.99)]
        made.rows.append(
            [name, str(len(found)), str(good), str(refused), str(len(found) - good - refused), *times]
        )
    return made


def recovery(answers: Sequence[Answer], begin: float) -> Table:
    """Second by second from the last of too much on, until all is as before."""
    made = Table("load-recovery", ["second after", "asked", "refused", "p99, ms"])
    shoppers = sorted(
        (answer for answer in answers if answer.due >= begin - 2 and answer.route not in PROBES),
        key=lambda answer: answer.due,
    )
    for second, group in itertools.groupby(shoppers, lambda answer: int(answer.due // 1)):
        found = list(group)
        refused = sum(not is_good(answer) for answer in found)
        made.rows.append(
            [f"{second - begin:+.0f}", str(len(found)), str(refused), number(milliseconds(found, 0.99), 0)]
        )
    return made
