"""A store that is read as a whole is read once for many people, and one's trouble stays theirs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from privacy.erasure import machine
from privacy.holders import Finding, NotNow, Presence, Task
from privacy.models import DeletionRequest, DeletionStep
from tests.privacy.deleting import advance, asked
from tests.privacy.shelf import Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]
CERTIFIED = DeletionRequest.State.CERTIFIED


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The shelf reads for two people at once; for how many each time."""
    sizes: list[int] = []

    def verify_all(self: Shelf, tasks: Sequence[Task]) -> Sequence[Finding]:
        if type(self) is Shelf:
            sizes.append(len(tasks))
        return [self.verify(task) for task in tasks]

    monkeypatch.setattr(Shelf, "people_at_once", 2)
    monkeypatch.setattr(Shelf, "verify_all", verify_all)
    return sizes


def five_people() -> None:
    for number in range(5):
        asked(f"user_{number}")


def test_as_many_as_the_holder_says(together: list[int]) -> None:
    five_people()
    machine.advance_all(until_quiet=True)
    assert together == [2, 2, 1]
    assert set(DeletionRequest.objects.values_list("state", flat=True)) == {CERTIFIED}


def test_the_trouble_of_one_does_not_keep_the_others(
    together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    five_people()
    whose = DeletionRequest.objects.order_by("created_at")[2]
    trouble = [whose.subject_id]
    read = Shelf.verify

    def verify(self: Shelf, task: Task) -> Finding:
        if type(self) is Shelf and task.scope.subject_id in trouble:
            raise NotNow("not now")
        return read(self, task)

    monkeypatch.setattr(Shelf, "verify", verify)
    advance(until_quiet=True)
    failed = DeletionStep.objects.get(request=whose, holder="shelf")
    assert (failed.state, failed.failures, failed.last_error) == ("purged", 1, "not now")
    assert DeletionRequest.objects.filter(state=CERTIFIED).count() == 4
    trouble.clear()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.filter(state=CERTIFIED).count() == 5


def test_of_whom_there_was_no_time_for_is_asked_again_at_once(
    together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    five_people()
    not_read = [Finding(Presence.UNKNOWN, said="more than one turn can do")] * 3
    monkeypatch.setattr(Shelf, "findings", [Finding(Presence.ABSENT), *not_read])
    machine.advance_all(until_quiet=True)
    assert together == [2, 2, 1, 2, 1]
    assert set(DeletionRequest.objects.values_list("state", flat=True)) == {CERTIFIED}
    assert set(DeletionStep.objects.values_list("failures", "last_error")) == {(0, "")}
