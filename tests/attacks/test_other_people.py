"""A signed-in shopper tries every place in which a request could name somebody else, or claim to be more."""

import json
from typing import Any

import pytest
from django.test import Client

from leafloaf.access.models import ApiClient
from personalization.models import Dismissal
from privacy import consent, subjects, tombstones
from privacy.models import Actor, ConsentRecord, DataExport, DeletionRequest, PrivacySettings, Subject
from tests.access.matrix import policy, world
from tests.access.matrix.policy import API, Named
from tests.access.matrix.world import World

pytestmark = pytest.mark.django_db
CALLS = [(method, route) for route, its in API.items() if its.named != Named.NEVER for method in its.methods]
WRITES = [
    (method, route) for route, its in API.items() for method in its.methods if method in {"POST", "PATCH"}
]
BODYLESS = {"cancel", "expedite"}
BODIES: dict[str, dict[str, Any]] = {
    "api/v1/search": {"query": "milk"},
    "api/v1/events": {"event_type": "search", "query": "milk"},
    "api/v1/recommendations/dismissals": {"sku": world.SKU},
    "api/v1/privacy/settings": {"data_retention_days": 12},
}
MARK = 7
"""The days that another keeps their history, and nobody else."""
CLAIMS: dict[str, Any] = {
    "id": "00000000-0000-0000-0000-000000000001",
    "pk": 1,
    "subject_id": "00000000-0000-0000-0000-000000000001",
    "subject": 1,
    "actor": "staff",
    "state": "certified",
    "is_staff": True,
    "is_superuser": True,
    "scopes": ["privacy"],
    "kind": "secret",
    "generation": 99,
    "user_hash": "00",
    "purge_at": "2000-01-01T00:00:00Z",
    "expires_at": "2100-01-01T00:00:00Z",
    "approved_by": "olive",
    "received_at": "2000-01-01T00:00:00Z",
    "xid": 1,
    "schema_version": 99,
    "text_version": 99,
    "__class__": "x",
    "__proto__": {"is_staff": True},
    "constructor": {"prototype": {}},
}


@pytest.fixture(autouse=True)
def another(shop: World) -> None:
    """Another user, with something of their own to be found by."""
    known = subjects.resolve([world.OTHER])[world.OTHER]
    consent.change(known, {"data_retention_days": MARK}, Actor.USER)


def of_another() -> list[Any]:
    """Everything that the shop has of the other user."""
    (who,) = Subject.objects.filter(user_id=world.OTHER)
    return [
        who.state,
        list(PrivacySettings.objects.filter(subject_id=who.pk).values()),
        list(ConsentRecord.objects.filter(subject_id=who.pk).values()),
        list(Dismissal.objects.filter(subject_id=who.pk).values()),
        list(DataExport.objects.filter(subject_id=who.pk).values("pk", "state")),
        list(DeletionRequest.objects.filter(user_hash=tombstones.hash_of(world.OTHER)).values("pk", "state")),
    ]


def call(
    shop: World, method: str, route: str, credential: str, query: str = "", more: Any = None, **headers: str
) -> Any:
    body = BODIES.get(route, {}) | (more or {})
    return Client().generic(
        method,
        shop.address(route) + query,
        json.dumps(body).encode(),
        "application/json",
        headers={"Authorization": f"Bearer {credential}", **headers},
    )


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_a_token_reaches_nobody_else_by_any_name(shop: World, method: str, route: str) -> None:
    """In the header, in the body, in the address, in a cookie; the other one's things stay as they are."""
    token, before = shop.tokens["the owner's user token"], of_another()
    tries: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("", {}, {"X-User-Id": world.OTHER}),
        ("", {"user_id": world.OTHER}, {}),
        ("", {"user_id": world.OTHER}, {"X-User-Id": world.OWNER}),
        ("", {"user_id": world.OWNER}, {"X-User-Id": world.OTHER}),
        ("", {"user_id": [world.OTHER]}, {}),
        ("", {"user_id": {"$ne": None}}, {}),
        (f"?user_id={world.OTHER}", {}, {}),
        (f"?X-User-Id={world.OTHER}&user={world.OTHER}&sub={world.OTHER}", {}, {}),
        ("", {}, {"X-Forwarded-User": world.OTHER, "Remote-User": world.OTHER, "From": world.OTHER}),
        ("", {}, {"Cookie": f"user_id={world.OTHER}; X-User-Id={world.OTHER}"}),
    ]
    for query, more, headers in tries:
        with world.rolled_back():
            answer = call(shop, method, route, token, query, more, **headers)
            told = content(answer)
            assert f'"data_retention_days":{MARK}'.encode() not in told.replace(b" ", b"")
            assert world.OTHER.encode() not in told
            assert of_another() == before, (query, more, headers)
        assert answer.status_code < 500
        names_another = headers.get("X-User-Id") == world.OTHER
        names_in_body = more.get("user_id") == world.OTHER and (method, route) in WRITES
        if names_another or (names_in_body and route.rpartition("/")[2] not in BODYLESS):
            is_refused = b"user_not_allowed" in told or answer.status_code == 422
            assert is_refused, (answer.status_code, told, more, headers)


@pytest.mark.parametrize(("method", "route"), WRITES)
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_nobody_asked_for_is_refused_by_name(shop: World, method: str, route: str, claim: str) -> None:
    """Mass assignment: no field is taken that the call does not have."""
    before = of_another()
    with world.rolled_back():
        answer = call(
            shop,
            method,
            route,
            shop.keys["a secret key"],
            more={claim: CLAIMS[claim]},
            **{"X-User-Id": world.OWNER},
        )
        told = content(answer)
        assert of_another() == before
    if route.rpartition("/")[2] in BODYLESS:
        assert answer.status_code == 409, "the body is not looked at"
    elif route == "api/v1/events":
        assert answer.json()["accepted"] == 0, told
    else:
        assert answer.status_code == 422, told
        assert claim.encode() in told


def test_a_token_names_nobody_in_a_batch_either(shop: World) -> None:
    token = shop.tokens["the owner's user token"]
    events = [{"event_type": "search", "query": "milk", "user_id": who} for who in (world.OTHER, world.OWNER)]
    answer = (
        Client()
        .post(
            "/api/v1/events",
            json.dumps({"events": events}),
            "application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        .json()
    )
    assert answer["accepted"] == 1
    assert [(one["index"], one["errors"][0]["code"]) for one in answer["rejected"]] == [
        (0, "user_not_allowed")
    ]


def staff(shop: World, role: str) -> Client:
    client = Client()
    client.cookies.load(shop.cookies[role])
    return client


def test_an_operators_form_changes_nothing_that_it_does_not_show(shop: World) -> None:
    client = ApiClient.objects.get(name="Only search")
    fixed = {
        field.name: getattr(client, field.name)
        for field in ApiClient._meta.concrete_fields
        if field.name in {"id", "kind", "key_hash", "created_at", "revoked_at"}
    }
    staff(shop, policy.OPERATOR).post(
        f"/admin/access/apiclient/{client.pk}/change/",
        {
            "name": "Only search",
            "kind": "publishable",
            "key_hash": "00",
            "created_at": "2000-01-01",
            "revoked_at": "",
        },
    )
    client.refresh_from_db()
    assert {name: getattr(client, name) for name in fixed} == fixed


def test_a_new_password_makes_nobody_a_superuser(shop: World) -> None:
    browser = staff(shop, policy.SUPPORT)
    user = browser.session["_auth_user_id"]
    browser.post(
        "/admin/password_change/",
        {
            "old_password": "x",
            "new_password1": "leaf-and-loaf-2",
            "new_password2": "leaf-and-loaf-2",
            "is_superuser": "on",
            "groups": "1",
        },
    )
    from django.contrib.auth.models import User

    found = User.objects.get(pk=user)
    assert not found.is_superuser
    assert [group.name for group in found.groups.all()] == [policy.SUPPORT]
