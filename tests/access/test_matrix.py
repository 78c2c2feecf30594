"""The access matrix: every route with every method and every credential, for one's own and another's objects."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.access.matrix import page, routes, verdicts, world
from tests.access.matrix.credentials import OF_PERSONS, OF_STAFF, OF_THE_API, OUTSIDE
from tests.access.matrix.policy import API, OPEN, PERSON
from tests.access.matrix.staff_policy import STAFF
from tests.access.matrix.verdicts import Verdict
from tests.access.matrix.world import World

pytestmark = pytest.mark.django_db
POLICIES = {**API, **OPEN, **PERSON, **STAFF}
BODIES: dict[str, Any] = {
    "api/v1/search": {"query": "milk"},
    "api/v1/suggest": {},
    "api/v1/events": {"event_type": "search", "query": "milk"},
    "api/v1/recommendations/dismissals": {"sku": world.SKU},
}
QUERIES = {"api/v1/suggest": "q=mi"}


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """The world, made once; every request is rolled back to it."""
    with django_db_blocker.unblock(), world.standing() as built:
        yield built


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(raise_request_exception=False)


def ask(
    client: Client,
    method: str,
    address: str,
    cookies: dict[str, str],
    judge: Callable[[Any], Verdict] = verdicts.observed,
    **call: Any,
) -> Verdict:
    """The verdict of one request, which leaves nothing behind."""
    client.cookies.clear()
    client.cookies.load(cookies)
    with world.rolled_back():
        return judge(client.generic(method, address, **call))


def agree(cells: Iterator[tuple[str, Verdict, Verdict]]) -> None:
    wrong = [f"{name}: {got}, not {wanted}" for name, wanted, got in cells if got != wanted]
    assert not wrong, "\n".join(["", *wrong])


def test_every_route_has_a_policy_and_every_policy_a_route() -> None:
    found = routes.found()
    assert sorted(set(found) - set(POLICIES)) == [], "say in the policy who may come in"
    assert sorted(set(POLICIES) - set(found)) == [], "there are no such routes any more"


def test_no_route_has_two_policies() -> None:
    assert len(POLICIES) == len(API) + len(OPEN) + len(PERSON) + len(STAFF)


@pytest.mark.parametrize("route", API)
def test_the_api(shop: World, client: Client, route: str) -> None:
    policy = API[route]

    def cells() -> Iterator[tuple[str, Verdict, Verdict]]:
        for credential in OF_THE_API:
            headers, cookies, query = shop.of_api(credential)
            address = f"{shop.address(route)}{query}"
            if more := QUERIES.get(route):
                address += f"{'&' if query else '?'}{more}"
            body = verdicts.body_of(BODIES.get(route, {}))
            for method in verdicts.API_METHODS:
                call: dict[str, Any] = {"data": body, "content_type": "application/json", "headers": headers}
                wanted = verdicts.of_api(route, policy, method, credential)
                yield (
                    f"{method} with {credential.name}",
                    wanted,
                    ask(client, method, address, cookies, **call),
                )

    agree(cells())


@pytest.mark.parametrize("route", PERSON)
def test_the_pages_of_a_person(shop: World, client: Client, route: str) -> None:
    policy = PERSON[route]

    def cells() -> Iterator[tuple[str, Verdict, Verdict]]:
        for who in OF_PERSONS:
            headers, cookies = shop.of_page(who)
            for method in verdicts.PERSON_METHODS:
                is_file = policy.owned and verdicts.answers(route, policy.methods, method)
                judge = verdicts.observed_file if is_file else verdicts.observed
                wanted = verdicts.of_person(route, policy, method, who)
                got = ask(client, method, shop.address(route), cookies, judge, headers=headers)
                yield f"{method} with {who}", wanted, got

    agree(cells())


@pytest.mark.parametrize("route", STAFF)
def test_the_pages_of_staff(shop: World, client: Client, route: str) -> None:
    policy = STAFF[route]
    judge = verdicts.observed_lookup if policy.opener else verdicts.observed

    def cells() -> Iterator[tuple[str, Verdict, Verdict]]:
        for who in OF_STAFF:
            headers, cookies = shop.of_page(who)
            for method in verdicts.STAFF_METHODS:
                wanted = verdicts.of_staff(policy, method, who)
                got = ask(client, method, shop.address(route), cookies, judge, headers=headers)
                is_without_form = got == Verdict.NO_METHOD and who not in OUTSIDE
                is_for_nothing = (method, got, wanted) == (
                    "POST",
                    Verdict.NOT_THERE,
                    Verdict.IN,
                )  # it was empty
                yield f"{method} as {who}", wanted, wanted if is_without_form or is_for_nothing else got

    agree(cells())


@pytest.mark.parametrize("route", OPEN)
def test_what_is_open_is_open_to_everybody(shop: World, client: Client, route: str) -> None:
    for who in ("nothing", "a made-up session", "a secret key", "the session of a superuser"):
        headers, cookies = shop.of_page(who)
        for method in verdicts.STAFF_METHODS:
            if (method, route) == ("POST", "privacy/enter"):
                continue  # the form itself brings the credential
            got = ask(client, method, shop.address(route), cookies, headers=headers)
            assert got not in {Verdict.UNKNOWN, Verdict.REFUSED, Verdict.TOO_MANY, Verdict.BROKEN}, (
                method,
                who,
            )


def test_the_page_about_it_is_as_the_policy_is() -> None:
    assert page.PAGE.read_text() == page.page(), "write it anew: python -m tests.access"
