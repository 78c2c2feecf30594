"""No answer tells whether a user is known: what is asked of a known and of a made-up one is answered alike."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from privacy import subjects
from privacy.models import Subject
from tests.access.matrix import policy, world
from tests.access.matrix.policy import API, Named
from tests.access.matrix.verdicts import body_of
from tests.access.matrix.world import World
from tests.access.signing import hs256

pytestmark = pytest.mark.django_db
KNOWN, UNKNOWN = "user_known_1", "user_nobody1"
"""Of one length, so that whole answers can be compared."""
CALLS = [(method, route) for route, its in API.items() if its.named != Named.NEVER for method in its.methods]
BODIES: dict[str, dict[str, Any]] = {
    "api/v1/search": {"query": "milk"},
    "api/v1/events": {"event_type": "search", "query": "milk"},
    "api/v1/recommendations/dismissals": {"sku": world.SKU},
    "api/v1/privacy/deletion-requests": {"dry_run": True},
}
VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # ids
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)"  # times
    r'|(?<=_ms":)[\d.]+'  # durations
    r'|(?<="rows":)\d+'  # a dry run says to the shop and to the person what there is to remove
    r"|(?<=/enter/)[\w-]+"  # the links themselves
)
SAID_OF_TIME = {"Location", "Content-Length", "X-Request-Id"}


def asked(
    method: str,
    route: str,
    shop: World,
    credential: str,
    user_id: str = "",
    body: dict[str, Any] | None = None,
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, without what differs from one request to the next; nothing is left behind."""
    content = body_of(BODIES.get(route, {}) | (body or {}))
    with world.rolled_back():
        answer: Any = Client().generic(
            method,
            shop.address(route),
            content,
            "application/json",
            headers={"Authorization": f"Bearer {credential}"} | ({"X-User-Id": user_id} if user_id else {}),
        )
        told = b"".join(answer.streaming_content) if answer.streaming else answer.content
    shown = {name: value for name, value in answer.headers.items() if name not in SAID_OF_TIME}
    return answer.status_code, shown, VOLATILE.sub("…", told.decode("latin-1"))


@pytest.fixture(autouse=True)
def known(shop: World) -> None:
    subjects.resolve([KNOWN])
    assert list(Subject.objects.filter(user_id__in=[KNOWN, UNKNOWN]).values_list("user_id", flat=True)) == [
        KNOWN
    ]


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_who_may_not_name_a_user_learns_nothing_by_naming_one(shop: World, method: str, route: str) -> None:
    """A browser's key, another's token, a key without the scope, and one that nobody gave out."""
    for credential in (
        shop.keys["a publishable key"],
        shop.tokens["the owner's user token"],
        shop.keys["a secret key without scopes"],
        shop.keys["an unknown key"],
    ):
        in_header = [asked(method, route, shop, credential, who) for who in (KNOWN, UNKNOWN)]
        in_body = [asked(method, route, shop, credential, body={"user_id": who}) for who in (KNOWN, UNKNOWN)]
        assert in_header[0] == in_header[1]
        assert in_body[0] == in_body[1]


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_a_known_user_of_whom_nothing_is_there_answers_like_a_new_one(
    shop: World, method: str, route: str
) -> None:
    key = shop.keys["a secret key"]
    asked(method, route, shop, key, UNKNOWN)  # what is kept of the catalogue is kept by now
    answers = [asked(method, route, shop, key, who) for who in (KNOWN, UNKNOWN)]
    assert answers[0] == answers[1]
    assert answers[0][0] < 500


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_so_they_do_by_a_token_of_their_own(shop: World, method: str, route: str) -> None:
    signer = hs256("existence")
    answers = [asked(method, route, shop, signer.token(sub=who)) for who in (KNOWN, UNKNOWN)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("method", "route"), [call for call in CALLS if API[call[1]].owned])
def test_anothers_object_is_not_told_from_none(shop: World, method: str, route: str) -> None:
    credential = shop.tokens["another's user token"]
    missing = World(
        shop.keys,
        shop.tokens,
        shop.cookies,
        shop.values
        | dict.fromkeys(("<uuid:export_id>", "<uuid:request_id>"), str(uuid4()))
        | {"<path:sku>": "NO_SUCH"},
    )
    theirs = asked(method, route, shop, credential)
    assert theirs == asked(method, route, missing, credential)
    assert theirs[0] == 404


def test_a_link_is_given_alike(shop: World) -> None:
    signer = hs256("existence")
    answers = []
    for who in (KNOWN, UNKNOWN):
        answer = Client().post("/privacy/enter", {"token": signer.token(sub=who)})
        answers.append((answer.status_code, len(answer.headers["Location"]), answer.content))
    assert answers[0] == answers[1]
    assert answers[0][0] == 302


def test_staff_who_may_not_look_at_rows_do_not_learn_which_there_are(shop: World) -> None:
    client = Client()
    client.cookies.load(shop.cookies[policy.ROLELESS])
    for name in ("auth/user", "access/apiclient", "capture/event"):
        route = f"admin/{name}/<path:object_id>/change/"
        there = client.get(shop.address(route))
        missing = client.get(f"/admin/{name}/{uuid4() if 'api' in name else 987654321}/change/")
        assert there.status_code == missing.status_code == 403
        assert there.content == missing.content


def test_no_address_of_the_api_holds_a_user() -> None:
    assert [route for route in API if "user" in route or "subject" in route] == []


def test_the_answers_were_compared_whole(shop: World) -> None:
    """What the comparison leaves out is ids, times and durations; a profile that is there would show."""
    status, headers, told = asked("GET", "api/v1/profile", shop, shop.keys["a secret key"], KNOWN)
    assert status == 200
    assert {"Content-Type", "Cache-Control"} <= set(headers)
    assert "categories" in json.dumps(told)
