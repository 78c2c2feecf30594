"""Two data holders for tests of the machine: a shelf of rows in the cache of the process, and who a person is."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from privacy import holders
from privacy.holders import BaseHolder, Finding, Plan, Presence, Purged, Scope, Task
from privacy.models import DeletionRequest, Subject, Tombstone


class Shelf(BaseHolder):
    """Rows by person; what it answers can be told beforehand."""

    store = "postgres"
    title = "A shelf"
    phase = holders.SOURCE

    rows: ClassVar[dict[str, int]] = {}
    of: ClassVar[int | None] = None
    claimed: ClassVar[int] = 0
    said: ClassVar[list[tuple[str, str]]] = []
    failures: ClassVar[list[Exception]] = []
    waits: ClassVar[list[datetime]] = []
    findings: ClassVar[list[Finding]] = []
    visits: ClassVar[list[str]] = []

    @classmethod
    def clear(cls) -> None:
        for value in (cls.rows, cls.said, cls.failures, cls.waits, cls.findings, cls.visits):
            value.clear()
        cls.of, cls.claimed = None, 0

    def sessions(self, subject_id: Any) -> Sequence[str]:
        return self.visits

    def plan(self, scope: Scope) -> Plan:
        self._say("plan", scope)
        rows = self.rows.get(str(scope.subject_id), 0)
        return Plan(rows, self.of, {"secret": str(scope.subject_id)}, Shelf.claimed)

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        if self.failures:
            raise self.failures.pop(0)
        answers = []
        for task in tasks:
            self._say("erase", task.scope)
            self.rows.pop(str(task.scope.subject_id), None)
            answers.append(Purged(self.waits.pop(0), "not yet") if self.waits else Purged())
        return answers

    def verify(self, task: Task) -> Finding:
        self._say("verify", task.scope)
        if self.findings:
            return self.findings.pop(0)
        return Finding.of(self.rows.get(str(task.scope.subject_id), 0))

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())

    def _say(self, act: str, scope: Scope) -> None:
        self.said.append((type(self).__name__, act))


class Copy(Shelf):
    store = "redis"
    title = "A copy"
    phase = holders.COPIES


class Follower(Shelf):
    """It has what the others have, and nothing can be erased there."""

    store = "replica"
    title = "What follows"
    phase = holders.REPLICA


class Identity(BaseHolder):
    """The subject's row, which leaves a tombstone."""

    store = "postgres"
    title = "Who it is"
    phase = holders.REMAINS

    def plan(self, scope: Scope) -> Plan:
        return Plan(1)

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        for task in tasks:
            Shelf.said.append(("Identity", "erase"))
            request = DeletionRequest.objects.get(
                subject_id=task.scope.subject_id, kind="erasure", purge_started_at__isnull=False
            )
            if Subject.objects.filter(pk=task.scope.subject_id).delete()[0]:
                Tombstone.objects.create(
                    user_hash=request.user_hash,
                    generation=request.generation,
                    request_id=request.pk,
                    erased_at=task.purge_started_at,
                )
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        Shelf.said.append(("Identity", "verify"))
        return Finding.of(Subject.objects.filter(pk=task.scope.subject_id).count())

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())


HOLDERS = {
    "shelf": "tests.privacy.shelf.Shelf",
    "copy": "tests.privacy.shelf.Copy",
    "identity": "tests.privacy.shelf.Identity",
}
ABSENT = Finding(Presence.ABSENT)
