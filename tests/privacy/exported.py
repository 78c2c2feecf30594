"""Data holders for tests of exports."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from privacy import holders
from privacy.holders import BaseHolder, Finding, NotNow, Plan, Purged, Scope, Task

File = Iterator[tuple[str, dict[str, Any]]]


class Box(BaseHolder):
    """Rows by user, in the memory of the process."""

    store = "postgres"
    title = "A box"
    rows: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    asked: ClassVar[list[Scope]] = []

    def plan(self, scope: Scope) -> Plan:
        return Plan(len(self.rows))

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        return Finding.of(0)

    def export(self, scope: Scope) -> File:
        self.asked.append(scope)
        yield from self.rows

    def fields(self) -> dict[str, str]:
        return {"events": "What you did.", "never": "What there is none of."}


class Visits(Box):
    """The log, as far as it knows visits."""

    phase = holders.SOURCE
    title = "Visits"
    rows: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def sessions(self, subject_id: Any) -> Sequence[str]:
        return ["session_abc"]


class Silent(Box):
    """Gives a row and falls silent, as often as it is told to."""

    store = "bigquery"
    title = "Copies for analysis"
    times: ClassVar[int] = 0
    failure: ClassVar[type[Exception]] = NotNow

    def export(self, scope: Scope) -> File:
        yield "copies", {"number": 1}
        if Silent.times:
            Silent.times -= 1
            raise self.failure("The store is away")
        yield "copies", {"number": 2}

    def fields(self) -> dict[str, str]:
        return {"copies": "Copies of what you did."}


HOLDERS = {
    "box": "tests.privacy.exported.Box",
    "events": "tests.privacy.exported.Visits",
    "silent": "tests.privacy.exported.Silent",
}
