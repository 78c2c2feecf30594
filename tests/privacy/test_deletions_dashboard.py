"""Support's queue of deletion requests: what it shows, what it does, and for whom."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from privacy import subjects
from privacy.erasure import machine, requests
from privacy.holders import NotNow
from privacy.models import Actor, DeletionRequest, DeletionStep
from tests.privacy.deleting import advance
from tests.privacy.shelf import HOLDERS, Shelf
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/dashboards/deletion-requests/"
VIEW = "privacy.view_deletionrequest"
CHANGE = "privacy.change_deletionrequest"
ASK = "privacy.add_deletionrequest"
APPROVE = "privacy.approve_deletionrequest"


@pytest.fixture(autouse=True)
def shelves(settings: Settings) -> Iterator[None]:
    settings.DATA_HOLDERS = HOLDERS
    Shelf.clear()
    yield
    Shelf.clear()


@pytest.fixture
def sam() -> Client:
    return staff("sam", VIEW, CHANGE, ASK, APPROVE)


def asked(user_id: str = "user-of-the-shop-77", rows: int = 3, **wait: float) -> DeletionRequest:
    subject_id = subjects.resolve([user_id])[user_id]
    Shelf.rows[str(subject_id)] = rows
    return requests.open_for(user_id, Actor.USER, timedelta(**wait))


def words(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def press(client: Client, act: str, **values: Any) -> str:
    answer = client.post(PAGE, {"act": act, **values})
    if answer.status_code != 302:
        return str(answer.status_code)
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_an_empty_queue_says_where_requests_come_from(sam: Client) -> None:
    assert "Nobody waits to be erased. Requests come from" in words(sam)
    assert "None has ended yet." in words(sam)


def test_a_request_is_shown_with_a_cell_for_each_store_and_nothing_of_the_person(sam: Client) -> None:
    request = asked()
    pseudonym = str(request.subject_id)
    Shelf.waits.append(datetime.now(UTC) + timedelta(minutes=30))
    machine.advance_all()
    for address in (PAGE, f"{PAGE}?request={request.pk}"):
        page = sam.get(address).content.decode()
        assert "user-of-the-shop-77" not in page
        assert pseudonym not in page
    told = words(sam)
    assert f"{str(request.pk)[:8]}" in told
    assert "Database" in told
    assert "Redis" in told
    assert re.search(r"Settling (3 d|2 d 23 h)", told)


def test_what_has_ended_is_counted(sam: Client) -> None:
    asked()
    machine.advance_all(until_quiet=True)
    told = words(sam)
    assert "Certified" in told
    assert re.search(r"Received 1 .* Completed 1 .* Cancelled 0 .* Half within [\d.]+ s .* Late 0 ", told)


def test_what_is_late_is_loud() -> None:
    request = asked()
    Shelf.failures.extend(NotNow("away") for _ in range(5))
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=73), tick=False):
        machine.advance_all()
        later = staff("lee", VIEW)
        assert f"Request {str(request.pk)[:8]} is past its 72 hours." in words(later)
        assert "is past its 72 hours" in words(later, "/admin/")


def test_support_may_expedite_and_cancel(sam: Client) -> None:
    first, second = asked("user-1", hours=24), asked("user-2", hours=24)
    assert "The wait is over" in press(sam, "expedite", request=first.pk)
    assert "Everything is as it was" in press(sam, "cancel", request=second.pk)
    machine.advance_all(until_quiet=True)
    states = {one.pk: one.state for one in DeletionRequest.objects.all()}
    assert states == {first.pk: "certified", second.pk: "cancelled"}
    assert "There is no wait to be skipped" in press(sam, "expedite", request=second.pk)


def test_a_store_is_held_with_a_reason_and_released(sam: Client) -> None:
    asked()
    Shelf.failures.append(NotNow("away"))
    advance()
    step = DeletionStep.objects.get(holder="shelf")
    assert "Say why" in press(sam, "hold", step=step.pk)
    assert "rests until" in press(sam, "hold", step=step.pk, because="court order 7")
    request = DeletionRequest.objects.get()
    assert "Held by sam: court order 7" in words(sam, f"{PAGE}?request={request.pk}")
    assert "goes on" in press(sam, "release", step=step.pk)
    assert "is tried again" in press(sam, "retry", step=step.pk)
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.get().state == "certified"
    assert list(AuditEntry.objects.values_list("action", flat=True).order_by("id")) == [
        "hold an erasure",
        "release an erasure",
        "retry an erasure",
    ]


def test_what_stops_is_looked_at_and_let_go_on(sam: Client) -> None:
    request = asked(rows=0)
    machine.advance_all()
    assert "Nothing was found of this person" in words(sam, f"{PAGE}?request={request.pk}")
    assert f"Request {str(request.pk)[:8]} has stopped and asks somebody to decide." in words(sam, "/admin/")
    assert "counted anew" in press(sam, "let_go_on", request=request.pk)
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.get().state == "certified"


def test_on_behalf_of_a_person_two_must_agree(sam: Client) -> None:
    Shelf.rows[str(subjects.resolve(["user-9"])["user-9"])] = 1
    assert "waits for somebody else" in press(sam, "ask", user_id="user-9", because="by letter")
    request = DeletionRequest.objects.get()
    assert "Somebody else" in press(sam, "approve", request=request.pk)
    assert "Somebody else than who asked" in words(sam, f"{PAGE}?request={request.pk}")
    kim = staff("kim", VIEW, APPROVE)
    assert "Approved" in press(kim, "approve", request=request.pk)
    assert DeletionRequest.objects.get().state == "cooling_off"
    assert "asked already" in press(sam, "ask", user_id="user-9", because="by letter")


@pytest.mark.parametrize(
    ("act", "permission"),
    [
        ("ask", ASK),
        ("approve", APPROVE),
        *[(act, CHANGE) for act in ("cancel", "expedite", "let_go_on", "retry", "hold", "release", "other")],
    ],
)
def test_each_button_has_its_permission(act: str, permission: str) -> None:
    others = {CHANGE, ASK, APPROVE} - {permission}
    assert press(staff("lee", VIEW, *others), act) == "403"
    assert press(staff("max", VIEW, permission), act) != "403"


def test_who_may_not_look_does_not(client: Client) -> None:
    assert staff("passer-by").get(PAGE).status_code == 403
    assert client.get(PAGE).status_code == 302
    assert "Ask on behalf" not in words(staff("lee", VIEW))


@pytest.mark.parametrize("asked_for", ["", "x", "7", "00000000-0000-0000-0000-000000000000"])
def test_a_request_that_is_not_there_is_no_error(sam: Client, asked_for: str) -> None:
    assert "Nobody waits" in words(sam, f"{PAGE}?request={asked_for}")
    assert press(sam, "cancel", request=asked_for) != "500"
    assert "no such step" in press(sam, "retry", step=asked_for)


def test_a_long_queue_takes_few_queries(sam: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        asked(f"user-{number}", hours=1)
    with django_assert_max_num_queries(15):
        sam.get(PAGE)
