"""A place that is taken out of DATA_HOLDERS while a request is open: put back, or given up, and said so."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from privacy.erasure import canonical, certificate, machine, requests
from privacy.holders import NotNow
from privacy.models import Certificate, DeletionRequest, DeletionStep, Subject, Tombstone
from tests.privacy.deleting import advance, again, asked, step
from tests.privacy.shelf import HOLDERS, Copy, Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]
STATES = DeletionRequest.State
WITHOUT_COPY = {name: path for name, path in HOLDERS.items() if name != "copy"}


def left_behind(settings: Settings) -> DeletionRequest:
    """A request on its way, whose copies are nobody's any more."""
    Shelf.failures.append(NotNow("away"))
    request = asked()
    advance()
    settings.DATA_HOLDERS = WITHOUT_COPY
    go_on()
    return request


def go_on() -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        machine.advance_all(until_quiet=True)


def test_it_is_said_what_is_missing_and_nothing_is_certified(settings: Settings) -> None:
    request = left_behind(settings)
    assert again(request).state == STATES.PURGING
    assert step("shelf").state == "absent"
    assert "copy is in DATA_HOLDERS no more" in step("copy").last_error
    assert not Certificate.objects.exists()


def test_put_back_it_goes_on(settings: Settings) -> None:
    request = left_behind(settings)
    settings.DATA_HOLDERS = HOLDERS
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=3), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert "given_up" not in Certificate.objects.get().document


def test_given_up_it_is_certified_as_that_and_never_as_absent(settings: Settings) -> None:
    request = left_behind(settings)
    requests.give_up(step("copy").pk, "sam", "The cluster was switched off for good")
    go_on()
    assert again(request).state == STATES.CERTIFIED
    content = canonical.decode(Certificate.objects.get().document.encode())
    told = {one["holder"]: (one["presence"], one["removed"]) for one in content["holders"]}
    assert told == {"shelf": ("absent", 3), "copy": ("given_up", None), "identity": ("absent", 1)}
    assert "given up" in content["statement"]
    assert "All personal data held on one person was erased, but" in content["statement"]
    (copy,) = [one for one in content["holders"] if one["holder"] == "copy"]
    assert copy["verified_by"].startswith("Not verified: given up by staff.")
    assert copy["residual_until"] is None
    assert "sam" not in Certificate.objects.get().document


def test_a_certificate_with_a_place_given_up_is_checked_like_every_other(settings: Settings) -> None:
    left_behind(settings)
    requests.give_up(step("copy").pk, "sam", "Switched off for good")
    go_on()
    file = certificate.as_file(Certificate.objects.get())
    assert certificate.check(file).certificate["holders"][1]["presence"] == "given_up"
    page = Client().post("/privacy/certificate/", {"text": file.decode()}).content.decode()
    assert "Not verified: given up by staff." in page
    assert "nothing of that person was found" not in page


def test_it_is_written_down_who_gave_it_up_and_why(settings: Settings) -> None:
    request = left_behind(settings)
    requests.give_up(step("copy").pk, "sam", "Switched off; wrote to jo@example.com")
    entry = AuditEntry.objects.get(action="give up a store in an erasure")
    assert (entry.actor, entry.reason) == ("sam", "Switched off; wrote to [email]")
    (shelf, copy) = requests.progress(again(request))
    assert (copy.state, copy.verified_at) == ("given_up", None)
    assert shelf.state != "given_up"


def test_a_place_that_can_be_tried_is_not_given_up() -> None:
    Copy.failures.append(NotNow("away"))
    asked()
    advance()
    with pytest.raises(requests.StillInUse, match="in DATA_HOLDERS"):
        requests.give_up(step("copy").pk, "sam", "I am tired of it")


def test_who_the_person_is_cannot_be_given_up(settings: Settings) -> None:
    Shelf.failures.append(NotNow("away"))
    asked()
    advance()
    settings.DATA_HOLDERS = {name: path for name, path in HOLDERS.items() if name != "identity"}
    with pytest.raises(requests.TooLate, match="who the person is"):
        requests.give_up(step("identity").pk, "sam", "No")
    assert (Subject.objects.count(), Tombstone.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"state": "absent"}, "nothing to give up"),
        ({"state": "given_up"}, "nothing to give up"),
        ({"leased_until": datetime(2100, 1, 1, tzinfo=UTC)}, "at this moment"),
    ],
)
def test_what_is_done_or_being_done_is_not_given_up(
    settings: Settings, change: dict[str, object], told: str
) -> None:
    left_behind(settings)
    DeletionStep.objects.filter(holder="copy").update(**change)
    with pytest.raises(requests.TooLate, match=told):
        requests.give_up(step("copy").pk, "sam", "Switched off")


def test_a_reason_is_asked_for_that_names_nobody(settings: Settings) -> None:
    left_behind(settings)
    with pytest.raises(ValueError, match="Say why"):
        requests.give_up(step("copy").pk, "sam", "  ")
    with pytest.raises(requests.NamesThePerson):
        requests.give_up(step("copy").pk, "sam", "user_1 is gone")
    assert step("copy").state != "given_up"


def test_a_place_given_up_before_it_was_planned_is_not_planned_for_ever(settings: Settings) -> None:
    request = asked(rows=0)
    machine.advance_all()
    settings.DATA_HOLDERS = WITHOUT_COPY
    requests.give_up(step("copy").pk, "sam", "Switched off")
    requests.let_go_on(request.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert step("copy").state == "given_up"
