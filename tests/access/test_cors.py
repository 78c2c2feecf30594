"""Which pages may call the API, and read its answers."""

import json

import pytest
from django.test import Client

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from tests.calls import Api, cart

pytestmark = pytest.mark.django_db

URL = "/api/v1/events"
SHOP = "https://shop.example"
ELSEWHERE = "https://elsewhere.example"


@pytest.fixture
def on_the_shop() -> Api:
    """A publishable key for the pages of one shop."""
    return Api(keys.create("Shop", ApiClient.Kind.PUBLISHABLE, origins=[SHOP]), Client())


def test_a_page_of_the_shop_may_call_and_read(on_the_shop: Api) -> None:
    answer = on_the_shop.post(URL, cart(), Origin=SHOP)
    assert answer.status_code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_page_from_elsewhere_may_not(on_the_shop: Api) -> None:
    answer = on_the_shop.post(URL, cart(), Origin=ELSEWHERE)
    assert answer.status_code == 403
    assert ELSEWHERE in answer.json()["detail"]
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_servers_own_pages_may(publishable: Api) -> None:
    assert publishable.post(URL, cart(), Origin="http://testserver").status_code == 202


def test_a_program_that_names_no_origin_may(on_the_shop: Api) -> None:
    assert on_the_shop.post(URL, cart()).status_code == 202


def test_a_secret_key_belongs_on_no_page(secret: Api) -> None:
    assert secret.post(URL, cart(), Origin=SHOP).status_code == 403


def test_a_preflight_is_answered_without_a_key(client: Client) -> None:
    answer = client.options(URL, headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_a_beacon_names_its_key_in_the_address(on_the_shop: Api, client: Client) -> None:
    answer = client.post(
        f"{URL}?key={on_the_shop.key}",
        json.dumps(cart()),
        content_type="text/plain",
        headers={"Origin": SHOP},
    )
    assert answer.json()["accepted"] == 1


def test_a_secret_key_in_an_address_is_not_looked_at(secret: Api, client: Client) -> None:
    assert (
        client.post(f"{URL}?key={secret.key}", json.dumps(cart()), content_type="text/plain").status_code
        == 401
    )
