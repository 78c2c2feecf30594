"""Finding a person by the shop's id of them, which stands nowhere afterwards."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from capture.models import Event
from leafloaf.staff.people import opening
from privacy import lookups, subjects
from privacy.models import PersonLookup, StaffAccess, Subject
from tests.calls import Api, search
from tests.staff.conftest import staff
from tests.staff.people.conftest import FIND, OPEN, USER, look_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db: None) -> Any:
    return subjects.resolve([USER])[USER]


def find(client: Client, user: str = USER, reason: str = "order", words: str = "No bread.") -> Any:
    return client.post(FIND, {"user_id": user, "reason": reason, "words": words})


def said(answer: Any) -> str:
    return str(answer.content.decode())


def told(client: Client, answer: Any) -> str:
    """The page that an answer leads to."""
    assert answer.status_code == 302
    return said(client.get(answer.headers["Location"]))


@pytest.mark.usefixtures("ann")
def test_the_form_leads_to_the_person_by_an_address_that_says_nothing(olive: Client) -> None:
    answer = find(olive, f"  {USER} ")
    lookup = PersonLookup.objects.get()
    assert answer.headers["Location"] == f"/admin/people/{lookup.pk}/"
    assert (lookup.actor, lookup.category, lookup.reason) == ("olive", "order", "No bread.")
    assert not StaffAccess.objects.exists()
    page = told(olive, answer)
    assert "No bread." in page
    assert USER not in page
    assert str(lookup.subject_id) not in page


def test_that_nobody_has_an_id_is_said_without_keeping_it(olive: Client) -> None:
    answer = find(olive, "nobody-0815", words="They called")
    assert answer.status_code == 200
    assert opening.NOBODY in said(answer).replace("&#x27;", "'")
    assert "nobody-0815" not in said(answer)
    assert 'value="They called"' in said(answer)
    assert not Subject.objects.exists()
    assert "nobody-0815" not in str([list(model.objects.values()) for model in (PersonLookup, StaffAccess)])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": ""}, "Say why"),
        ({"reason": "curiosity"}, "Select a valid choice"),
        ({"reason": "other", "words": " "}, "Say why"),
        ({"words": f"It is {USER}"}, "without the person"),
        ({"user_id": ""}, "id of the user"),
        ({"user_id": "x" * 129}, "at most 128"),
        ({"words": "x" * 501}, "at most 500"),
    ],
)
@pytest.mark.usefixtures("ann")
def test_what_cannot_be_is_refused_with_the_reason(
    olive: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = olive.post(FIND, {"user_id": USER, "reason": "order", "words": ""} | changes)
    assert answer.status_code == 422
    assert sentence in said(answer)
    assert not PersonLookup.objects.exists()


@pytest.mark.usefixtures("ann")
def test_too_many_within_an_hour_are_told_so(olive: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MOST_AN_HOUR", 2)
    find(olive, "nobody")
    assert find(olive).status_code == 302
    answer = find(olive)
    assert answer.status_code == 429
    assert "You have looked up 2 people within an hour" in said(answer)
    assert find(staff("kim", "privacy.lookup_person")).status_code == 302


@pytest.mark.usefixtures("ann")
def test_open_look_ups_are_listed_with_the_time_left_and_ended_by_a_button(olive: Client) -> None:
    assert "You have none open" in said(olive.get(FIND))
    mine, others = look_up(), look_up(by="kim")
    page = said(olive.get(FIND))
    assert f"/admin/people/{mine.pk}/" in page
    assert "29 min" in page or "30 min" in page
    assert str(others.pk) not in page
    assert olive.get(f"/admin/people/{mine.pk}/end/").status_code == 405
    assert opening.ENDED in told(olive, olive.post(f"/admin/people/{mine.pk}/end/"))
    assert "You have none open" in said(olive.get(FIND))
    assert "This look-up is not open" in told(olive, olive.post(f"/admin/people/{others.pk}/end/"))
    assert lookups.get(others.pk, "kim")


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("how", ["expired", "ended", "somebody else's", "made up"])
def test_a_look_up_that_is_not_open_leads_back_to_the_form(olive: Client, how: str) -> None:
    lookup = look_up(by="kim" if how == "somebody else's" else "olive")
    if how == "ended":
        lookups.end(lookup)
    if how == "expired":
        PersonLookup.objects.update(expires_at=timezone.now())
    pk = uuid4() if how == "made up" else lookup.pk
    answer = olive.get(f"/admin/people/{pk}/history/")
    assert answer.headers["Location"] == FIND
    assert "This look-up is not open" in told(olive, answer)
    assert not StaffAccess.objects.exists()


@pytest.mark.usefixtures("ann")
def test_who_may_not_look_anybody_up_gets_the_same_refusal_of_everything(olive: Client) -> None:
    kim = staff("kim", "capture.view_event", "privacy.view_deletionrequest", "privacy.view_consentrecord")
    mine, hers = look_up(), look_up(by="kim")
    answers = [
        kim.get(FIND),
        kim.get("/admin/dashboards/user-profiles/"),
        kim.get(OPEN),
        find(kim),
        find(kim, "nobody"),
    ]
    answers += [kim.post(OPEN, {"user_id": user, "reason": "order"}) for user in (USER, "nobody")]
    for pk in (mine.pk, hers.pk, uuid4()):
        answers += [
            kim.get(f"/admin/people/{pk}/{name}") for name in ("", "scores/", "history/", "history/1/")
        ]
        answers.append(kim.post(f"/admin/people/{pk}/end/"))
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    assert not StaffAccess.objects.exists()
    assert PersonLookup.objects.count() == 2
    assert "User profiles" not in said(kim.get("/admin/"))
    assert "User profiles" in said(olive.get("/admin/"))


def test_who_is_not_signed_in_is_asked_to(client: Client) -> None:
    for address in (FIND, OPEN, f"/admin/people/{uuid4()}/"):
        assert client.get(address).headers["Location"].startswith("/admin/login/")


def test_a_form_from_elsewhere_is_refused(olive: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = olive.cookies
    for address in (FIND, OPEN, f"/admin/people/{uuid4()}/end/"):
        assert strict.post(address, {"user_id": USER, "reason": "order"}).status_code == 403


# From an event


@pytest.fixture
def event(secret: Api) -> Event:
    secret.send(search(user_id=USER))
    return Event.objects.get()


def open_from(client: Client, **fields: object) -> Any:
    return client.post(OPEN, {"reason": "fault", "next": "/admin/?of=an-event", **fields})


def test_an_event_opens_its_person_and_comes_back(olive: Client, event: Event) -> None:
    answer = open_from(olive, event=event.pk)
    assert answer.headers["Location"] == "/admin/?of=an-event"
    lookup = PersonLookup.objects.get()
    assert (lookup.subject_id, lookup.category) == (event.subject_id, "fault")
    assert event.subject_id
    assert lookups.current("olive", event.subject_id) == lookup


@pytest.mark.parametrize(
    ("reason", "words", "kept"),
    [
        ("order", "No bread", ("order", "No bread")),
        ("They wrote", "", ("other", "They wrote")),
        ("They wrote", "twice", ("other", "They wrote twice")),
    ],
)
def test_a_reason_may_be_in_words_alone(
    olive: Client, event: Event, reason: str, words: str, kept: tuple[str, str]
) -> None:
    open_from(olive, event=event.pk, reason=reason, words=words)
    lookup = PersonLookup.objects.get()
    assert (lookup.category, lookup.reason) == kept


@pytest.mark.parametrize(
    "back", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "people/", ""]
)
def test_it_never_leads_away_from_this_site(olive: Client, event: Event, back: str) -> None:
    answer = open_from(olive, event=event.pk, next=back)
    assert answer.headers["Location"] == reverse("admin:person", args=[PersonLookup.objects.get().pk])


def test_a_user_id_opens_a_person_too(olive: Client, event: Event) -> None:
    open_from(olive, user_id=USER)
    assert PersonLookup.objects.get().subject_id == event.subject_id
    assert opening.NOBODY in told(olive, open_from(olive, user_id="nobody")).replace("&#x27;", "'")


@pytest.mark.parametrize("which", ["anonymous", "unknown", "9" * 30, "1 OR 1", ""])
def test_an_event_of_nobody_is_told_so(olive: Client, secret: Api, which: str) -> None:
    secret.send(search())
    number = Event.objects.get().pk
    found = {"anonymous": str(number), "unknown": str(number + 1)}.get(which, which)
    assert "This event is of nobody" in told(olive, open_from(olive, event=found))
    assert not PersonLookup.objects.exists()


def test_an_event_without_a_reason_opens_nobody(olive: Client, event: Event) -> None:
    assert "Say why" in told(olive, open_from(olive, event=event.pk, reason=""))
    assert not PersonLookup.objects.exists()
