"""What a user token opens, over HTTP: everything of its one user, and nothing of another."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from capture.models import Event
from leafloaf.access import keys, token_keys, tokens
from leafloaf.access.models import ApiClient
from privacy.models import PrivacySettings, Subject
from tests.access.signing import USER, Signer, hs256
from tests.calls import Api, cart, one_of_each
from tests.outage import Outage
from tests.personalization import grocery

pytestmark = pytest.mark.django_db

OTHER = "user_999"
SHOP, ELSEWHERE = "https://shop.example", "https://elsewhere.example"
SETTINGS = "/api/v1/privacy/settings"
DISMISSALS = "/api/v1/recommendations/dismissals"
READS = [
    "/api/v1/suggest?q=mil",
    "/api/v1/recommendations",
    "/api/v1/reorder",
    "/api/v1/profile",
    "/api/v1/graph",
    DISMISSALS,
    SETTINGS,
]


@pytest.fixture
def shop(db: None) -> Signer:
    return hs256()


@pytest.fixture
def user(shop: Signer) -> Api:
    """A browser of the user's, which has a token from the shop."""
    return Api(shop.token(), Client())


def patch(api: Api, body: Any, **headers: str) -> Any:
    return api.client.patch(
        SETTINGS,
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.key}"} | headers,
    )


def users_of_events() -> set[str | None]:
    """Whose the events in the log are."""
    ids = dict(Subject.objects.values_list("id", "user_id"))
    return {
        ids[subject] if subject else None for subject in Event.objects.values_list("subject_id", flat=True)
    }


def is_not_allowed(answer: Any) -> bool:
    return (answer.status_code, answer.json()["code"]) == (403, "user_not_allowed")


@pytest.mark.parametrize("address", READS)
def test_a_user_reads_what_is_theirs(user: Api, address: str) -> None:
    assert user.get(address).status_code == 200
    assert user.get(address, **{"X-User-Id": USER}).status_code == 200


@pytest.mark.parametrize("address", READS)
def test_nobody_reads_what_is_anothers(user: Api, address: str) -> None:
    assert is_not_allowed(user.get(address, **{"X-User-Id": OTHER}))


@pytest.mark.parametrize("named", [{}, {"user_id": USER}, {"user_id": None}])
def test_a_search_counts_as_the_users_whether_it_names_them_or_not(
    log: None, named: dict[str, str | None]
) -> None:
    user = Api(hs256().token(), Client())
    assert user.post("/api/v1/search", {"query": "milk", **named}).status_code == 200
    assert users_of_events() == {USER}


def test_a_search_names_nobody_else(user: Api) -> None:
    asked = {"query": "milk"}
    assert is_not_allowed(user.post("/api/v1/search", asked | {"user_id": OTHER}))
    assert is_not_allowed(user.post("/api/v1/search", asked, **{"X-User-Id": OTHER}))
    assert is_not_allowed(user.post("/api/v1/search", asked | {"user_id": USER}, **{"X-User-Id": OTHER}))
    assert not Subject.objects.exists()


def test_events_are_the_users(user: Api) -> None:
    receipt = user.send(*one_of_each(), cart(user_id=USER))
    assert (receipt["accepted"], receipt["rejected"]) == (6, [])
    assert users_of_events() == {USER}


def test_an_event_of_another_costs_itself_and_not_its_batch(user: Api) -> None:
    receipt = user.send(cart(), cart(user_id=OTHER))
    assert receipt["accepted"] == 1
    [refused] = receipt["rejected"]
    assert (refused["index"], refused["errors"][0]["code"]) == (1, "user_not_allowed")
    assert users_of_events() == {USER}
    assert is_not_allowed(user.post("/api/v1/events", cart(), **{"X-User-Id": OTHER}))


def test_what_a_token_sent_is_in_the_users_recommendations(log: None, secret: Api) -> None:
    grocery.stock()
    shop = hs256()
    user, other = (Api(shop.token(sub=name), Client()) for name in (USER, OTHER))
    user.send(grocery.order("apple") | {"event_id": "e1", "user_id": USER})
    assert user.get("/api/v1/recommendations").json()["items"][0]["sku"] == "apple"
    answers = [api.get("/api/v1/recommendations").json()["status"] for api in (user, other)]
    assert answers == ["ok", secret.get("/api/v1/recommendations", **{"X-User-Id": OTHER}).json()["status"]]


def test_a_user_dismisses_for_themselves_only(user: Api, shop: Signer) -> None:
    grocery.stock()
    assert is_not_allowed(user.post(DISMISSALS, {"sku": "apple", "user_id": OTHER}))
    assert user.post(DISMISSALS, {"sku": "apple"}).status_code == 201
    other = Api(shop.token(sub=OTHER), Client())
    skus = [[item["sku"] for item in api.get(DISMISSALS).json()["items"]] for api in (user, other)]
    assert skus == [["apple"], []]


def test_a_user_changes_their_own_settings_and_no_others(user: Api, secret: Api) -> None:
    assert patch(user, {"personalization_enabled": False}).json()["personalization_enabled"] is False
    assert user.get(SETTINGS).json()["personalization_enabled"] is False
    assert secret.get(SETTINGS, **{"X-User-Id": OTHER}).json()["personalization_enabled"] is True
    assert is_not_allowed(patch(user, {"personalization_enabled": False, "user_id": OTHER}))
    assert is_not_allowed(patch(user, {"personalization_enabled": False}, **{"X-User-Id": OTHER}))
    assert list(PrivacySettings.objects.values_list("subject__user_id", flat=True)) == [USER]


def test_a_token_in_an_address_is_not_looked_at(user: Api) -> None:
    assert Client().get(f"{SETTINGS}?key={user.key}").status_code == 401
    assert Client().get(f"{SETTINGS}?key=Bearer%20{user.key}").status_code == 401


def test_a_caller_that_is_printed_does_not_say_its_user(shop: Signer) -> None:
    caller = keys.Caller("Token", "user", frozenset(), user_id=USER)
    assert USER not in repr(caller)


def test_the_shops_pages_may_call_and_read(user: Api) -> None:
    keys.create("Shop", ApiClient.Kind.PUBLISHABLE, origins=[SHOP])
    answer = user.get(SETTINGS, Origin=SHOP)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    assert user.get(SETTINGS, Origin="http://testserver").status_code == 200


def test_no_other_page_may(user: Api) -> None:
    keys.create("Shop", ApiClient.Kind.PUBLISHABLE, origins=[SHOP])
    keys.create("Old shop", ApiClient.Kind.PUBLISHABLE, origins=[ELSEWHERE])
    ApiClient.objects.filter(name="Old shop").update(revoked_at="2026-01-01T00:00Z")
    answer = user.get(SETTINGS, Origin=ELSEWHERE)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_reads_that_its_token_has_expired(shop: Signer) -> None:
    late = Api(shop.token(exp=1_000_000_600, iat=1_000_000_000), Client())
    answer = late.get(SETTINGS, Origin=SHOP)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, SHOP)


def test_a_page_may_take_a_dismissal_back(client: Client) -> None:
    asks = {"Origin": SHOP, "Access-Control-Request-Method": "DELETE"}
    answer = client.options(f"{DISMISSALS}/apple", headers=asks)
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]


@pytest.fixture
def away(user: Api, outage: Outage) -> None:
    """The database is known to be away, and the token was believed before."""
    assert user.get(SETTINGS).status_code == 200
    outage.begin()


@pytest.mark.usefixtures("away")
def test_while_the_database_is_away_no_token_is_believed(user: Api) -> None:
    for answer in (user.post("/api/v1/search", {"query": "milk"}), user.get(SETTINGS)):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        assert "Retry-After" in answer.headers


def test_the_api_description_offers_keys_and_tokens_one_or_the_other() -> None:
    out = io.StringIO()
    call_command("spectacular", validate=True, format="openapi-json", stdout=out)
    described = json.loads(out.getvalue())
    schemes = described["components"]["securitySchemes"]
    assert schemes["userToken"]["bearerFormat"] == "JWT"
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer"}
    assert described["paths"]["/api/v1/search"]["post"]["security"] == [
        {"publishableKey": ["search"]},
        {"secretKey": ["search"]},
        {"userToken": ["search"]},
    ]


def test_a_token_costs_no_query_once_its_key_is_known(
    user: Api,
    shop: Signer,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_keys, "CACHE_SECONDS", 60.0)
    token_keys.forget()
    with django_assert_num_queries(3):  # the keys, the origins, when the key was last used
        tokens.caller_of(user.key, datetime.now(UTC))
    with django_assert_num_queries(0):
        tokens.caller_of(shop.token(), datetime.now(UTC))
