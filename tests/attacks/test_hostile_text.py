"""What others wrote, in every page of staff and of the person: shown as text, never run, never a line of the log."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from capture import ingest
from leafloaf.access import audit
from privacy import staff_accesses, subjects
from tests.access.matrix import policy, world
from tests.access.matrix.credentials import OWN_SESSION
from tests.access.matrix.policy import API, PERSON
from tests.access.matrix.staff_policy import STAFF
from tests.access.matrix.world import World
from tests.attacks import hostile
from tests.attacks.hostile import TEXT, tags_in

pytestmark = pytest.mark.django_db
SEEN = [route for route, its in STAFF.items() if policy.SUPERUSER in its.see and its.found]
FORGED = "\n2026-01-01 00:00:00 ERROR forged \x1b[31mline\r\n\u2028\x9b31m"
LISTS = [route for route in SEEN if "<" not in route]
NAMES = (
    "q", "o", "p", "e", "range", "sink", "event_type", "request", "after", "before", "since", "until", "batch",
    "person_of", "visit_of", "state__exact", "id__exact", "_popup", "_to_field", "day", "page", "reason", "query",
)  # fmt: skip
VALUES = ("'", "' OR 1=1 --", "\0", "9" * 30, "9" * 5000, "٣", "-1", "1e999", "NaN", "[]", "💣", "../../x")
WORST = {"' OR 1=1 --", "\0", "9" * 5000}
"""What is asked by each name alone too."""
QUERIES = ("", "?q=%22%27%3E%3Cscript%3E", "?range=%3Cscript%3E", "?o=1.-2&p=0&all=", "?e=1")


@pytest.fixture(scope="module", autouse=True)
def filled(shop: World, django_db_blocker: DjangoDbBlocker) -> Iterator[list[str]]:
    """Every text of the shop is hostile; the names of the columns."""
    with django_db_blocker.unblock(), world.rolled_back():
        event = {
            "event_type": "search",
            "query": TEXT,
            "session_id": hostile.SHORT,
            "metadata": {TEXT[:60]: [TEXT, {"deep": TEXT}]},
            "user_id": world.OWNER,
        }
        ingest.accept([json.dumps(event).encode()], lambda _: world.OWNER)
        known = subjects.resolve([world.OWNER])[world.OWNER]
        staff_accesses.write_down(known, TEXT[:100], TEXT[:60], TEXT)
        audit.record(TEXT[:100], hostile.SHORT, TEXT, reason=TEXT, said=TEXT)
        yield hostile.write_everywhere()


def test_there_is_something_to_be_afraid_of(filled: list[str]) -> None:
    assert {
        "Product.name",
        "DeadLetter.reason",
        "ApiClient.name",
        "Sink.last_error",
    } <= set(filled)
    assert len(filled) > 25
    assert tags_in(TEXT).found, "an unescaped one is found"


def page(shop: World, who: str, address: str) -> str:
    client = Client()
    client.cookies.load(shop.cookies[who])
    answer = client.get(address)
    assert answer.status_code < 500
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    return answer.content.decode() if is_page else ""


@pytest.mark.parametrize("route", SEEN)
def test_no_page_of_staff_runs_what_others_wrote(shop: World, route: str) -> None:
    for query in QUERIES:
        address = shop.address(route)
        shown = page(shop, policy.SUPERUSER, address + (query.replace("?", "&") if "?" in address else query))
        assert tags_in(shown).found == [], query


@pytest.mark.parametrize("route", [route for route, its in PERSON.items() if not its.owned])
def test_no_page_of_a_person_does(shop: World, route: str) -> None:
    assert tags_in(page(shop, OWN_SESSION, shop.address(route))).found == []


def test_it_is_shown_as_it_was_written(shop: World) -> None:
    product = page(shop, policy.SUPERUSER, "/admin/catalog/product/")
    assert any(TEXT[:30] in text for text in tags_in(product).texts)


@pytest.mark.parametrize("route", LISTS)
def test_no_parameter_reaches_the_database_as_a_statement(shop: World, route: str) -> None:
    """Nor breaks a page: an answer of ours, with nothing of the database in it."""
    client = Client(raise_request_exception=False)
    client.cookies.load(shop.cookies[policy.SUPERUSER])
    address = shop.address(route).partition("?")[0]
    of_its_own = "dashboards" in route or "people" in route or route == "admin/capture/event/"
    for value in VALUES:
        asked = [
            dict.fromkeys(NAMES, value),
            *([{name: value} for name in NAMES] if of_its_own and value in WORST else []),
        ]
        for parameters in asked:
            answer = client.get(address, parameters)
            assert answer.status_code < 500, (parameters, answer.content[:500])
            assert b"psycopg" not in answer.content


@pytest.mark.parametrize("role", policy.ROLES)
def test_no_list_of_the_admin_is_asked_for_what_it_does_not_show(shop: World, role: str) -> None:
    """A filter made up in the address must not be an oracle: hashes, secrets, passwords, payloads, users."""
    client = Client()
    client.cookies.load(shop.cookies[role])
    for address, name, value in (
        ("/admin/auth/user/", "password__startswith", "pbkdf2"),
        ("/admin/access/apiclient/", "keys__key_hash__gt", "a"),
        ("/admin/access/tokenkey/", "secret__isnull", "False"),
        ("/admin/capture/event/", "payload__query__startswith", "a"),
        ("/admin/capture/event/", "subject_id__isnull", "False"),
        ("/admin/capture/deadletter/", "batch__object_name__startswith", "e"),
        ("/admin/privacy/consentrecord/", "subject__user_id__startswith", "u"),
        ("/admin/staff/authenticator/", "sealed__isnull", "False"),
        ("/admin/staff/authenticator/", "user__password__startswith", "p"),
    ):
        plain, asked = client.get(address), client.get(address, {name: value})
        is_ignored = asked.status_code == plain.status_code and rows_in(asked) == rows_in(plain)
        assert asked.status_code in {302, 400, 403, 404} or is_ignored, (address, name)


def rows_in(answer: Any) -> int:
    return int(answer.content.decode().count("<tr"))


@pytest.mark.parametrize("route", API)
def test_no_field_writes_a_line_of_the_log(shop: World, route: str, caplog: pytest.LogCaptureFixture) -> None:
    """Newlines, ANSI, line separators: in the address, in every header, in every field."""
    caplog.set_level(logging.DEBUG)
    client = Client(raise_request_exception=False)
    headers = {
        "Authorization": f"Bearer {shop.keys['a secret key']}",
        "X-User-Id": f"user{FORGED}",
        "Origin": f"https://shop.example{FORGED}",
        "User-Agent": FORGED,
        "Referer": FORGED,
        "Content-Encoding": FORGED,
    }
    body = dict.fromkeys(("query", "session_id", "sku", "user_id", "event_type", "event_id", "sort"), FORGED)
    for method in API[route].methods:
        for given in ({}, *({name: value} for name, value in headers.items())):
            sent = {"Authorization": headers["Authorization"], "X-User-Id": world.OWNER} | given
            client.generic(method, shop.address(route), json.dumps(body), "application/json", headers=sent)
        client.generic(
            method, shop.address(route) + "?q=" + "%0a%1b[31m" + "&limit=%0d%0aERROR", headers=headers
        )
    client.get("/api/v1/nothing%0aERROR%20forged%1b[31m")
    client.get("/admin/nothing%0aERROR%20forged%1b[31m")
    for record in caplog.records:
        said = record.getMessage()
        assert "\x1b" not in said, said
        assert "\nERROR" not in said, said
        assert "\n2026-01-01" not in said, said
        assert world.OWNER not in said, said
