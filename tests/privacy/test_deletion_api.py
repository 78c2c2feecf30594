"""Deletion requests over HTTP."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from privacy import subjects
from privacy.erasure import machine
from privacy.models import DeletionRequest, Subject
from tests.calls import Api
from tests.privacy import calls
from tests.privacy.shelf import HOLDERS, Shelf

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS = "/api/v1/privacy/deletion-requests"


@pytest.fixture(autouse=True)
def shelves(settings: Settings) -> Iterator[None]:
    settings.DATA_HOLDERS = HOLDERS
    Shelf.clear()
    Shelf.rows[str(subjects.resolve(["user_1"])["user_1"])] = 3
    yield
    Shelf.clear()


def post(api: Api, address: str = REQUESTS, body: Any = None, user_id: str | None = "user_1") -> Any:
    return api.client.post(
        address,
        data=json.dumps({} if body is None else body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.key}", **({"X-User-Id": user_id} if user_id else {})},
    )


def get(api: Api, address: str, user_id: str = "user_1") -> Any:
    return api.get(address, **{"X-User-Id": user_id})


def test_a_request_is_opened_followed_and_certified(secret: Api) -> None:
    answer = post(secret, body={"cooling_off_hours": 0})
    assert answer.status_code == 201
    opened = answer.json()
    assert (opened["state"], opened["may_be_cancelled"]) == ("fenced", True)
    assert {one["state"] for one in opened["stores"]} == {"waiting"}
    assert answer["Location"].endswith(f"{REQUESTS}/{opened['id']}")
    assert answer["Cache-Control"] == "no-store"
    assert get(secret, f"{REQUESTS}/{opened['id']}/certificate").status_code == 409
    machine.advance_all(until_quiet=True)
    followed = get(secret, answer["Location"]).json()
    assert followed["state"] == "certified"
    assert [(one["store"], one["state"], one["removed"]) for one in followed["stores"]] == [
        ("postgres", "absent", 4),
        ("redis", "absent", 3),
    ]
    assert all(one["verified_at"] for one in followed["stores"])
    certificate = get(secret, f"{REQUESTS}/{opened['id']}/certificate")
    assert certificate.status_code == 200
    assert certificate.json()["algorithm"] == "Ed25519"
    assert "attachment" in certificate["Content-Disposition"]


def test_who_asks_again_gets_the_same(secret: Api) -> None:
    first, second = post(secret), post(secret)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


def test_it_can_be_cancelled_while_it_waits(secret: Api) -> None:
    opened = post(secret).json()
    assert opened["state"] == "cooling_off"
    cancelled = post(secret, f"{REQUESTS}/{opened['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert Subject.objects.get().state == "active"
    assert post(secret, f"{REQUESTS}/{opened['id']}/expedite").status_code == 409


def test_it_can_be_expedited_and_not_cancelled_after(secret: Api) -> None:
    opened = post(secret, body={"cooling_off_hours": 168}).json()
    assert post(secret, f"{REQUESTS}/{opened['id']}/expedite").status_code == 200
    machine.advance_all(until_quiet=True)
    refused = post(secret, f"{REQUESTS}/{opened['id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_late")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"cooling_off_hours": 169}, "/cooling_off_hours"),
        ({"cooling_off_hours": -1}, "/cooling_off_hours"),
        ({"cooling_off_hours": "soon"}, "/cooling_off_hours"),
        ({"dry_run": "yes"}, "/dry_run"),
        ({"user": "user_1"}, "/user"),
    ],
)
def test_what_is_not_understood_opens_nothing(secret: Api, body: Any, pointer: str) -> None:
    answer = post(secret, body=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not DeletionRequest.objects.exists()


def test_a_dry_run_counts_and_opens_nothing(secret: Api) -> None:
    answer = post(secret, body={"dry_run": True})
    assert answer.status_code == 200
    assert answer.json()["rows"] == 7
    assert not DeletionRequest.objects.exists()
    assert Subject.objects.get().state == "active"


def test_another_users_request_is_not_there(secret: Api) -> None:
    opened = post(secret).json()
    subjects.resolve(["user_2"])
    for act in ("", "/certificate"):
        own = get(secret, f"{REQUESTS}/{uuid4()}{act}", "user_2")
        other = get(secret, f"{REQUESTS}/{opened['id']}{act}", "user_2")
        assert (own.status_code, other.status_code) == (404, 404)
        assert calls.problem(own) == calls.problem(other)
    for act in ("/cancel", "/expedite"):
        assert post(secret, f"{REQUESTS}/{opened['id']}{act}", user_id="user_2").status_code == 404
    assert DeletionRequest.objects.get().state == "cooling_off"


def test_nobody_in_particular_is_told_what_to_say(secret: Api) -> None:
    answer = post(secret, user_id=None)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/user_id"


def test_a_key_without_the_scope_is_refused(secret: Api) -> None:
    other = keys.create("Search only", ApiClient.Kind.SECRET, ["search"])
    answer = secret.client.post(
        REQUESTS,
        data="{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {other}", "X-User-Id": "user_1"},
    )
    assert answer.status_code == 403
    assert not DeletionRequest.objects.exists()


def test_who_is_fenced_has_no_settings_to_change(secret: Api) -> None:
    post(secret)
    answer = calls.patch(secret, {"data_retention_days": 30})
    assert (answer.status_code, answer.json()["code"]) == (409, "being_erased")


def test_the_person_is_not_told_what_staff_are_told(secret: Api) -> None:
    Shelf.rows.clear()
    opened = post(secret, body={"cooling_off_hours": 0}).json()
    machine.advance_all()
    told = get(secret, f"{REQUESTS}/{opened['id']}").json()
    assert (told["needs_attention"], "question" in json.dumps(told)) == (True, False)
