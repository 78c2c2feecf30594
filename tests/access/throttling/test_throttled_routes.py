"""Limits as callers meet them, with Redis and without."""

import re
from typing import Any

import jwt
import pytest
from django.test import Client
from django.urls import get_resolver
from pytest_django import Settings

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.access.throttling import rates
from leafloaf.access.throttling.throttle import Throttle
from tests.access.signing import hs256
from tests.access.test_denied_by_default import OPEN, views
from tests.access.throttling.conftest import limited
from tests.calls import Api, cart

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

SUGGEST = "/api/v1/suggest?q=mi"
SETTINGS = "/api/v1/privacy/settings"
EVENTS = "/api/v1/events"
ANNA = {"X-User-Id": "anna"}


def statuses(times: int, call: Any) -> list[int]:
    return [call().status_code for _ in range(times)]


def test_past_the_limit_the_answer_says_which_and_how_long(publishable: Api, settings: Settings) -> None:
    limited(settings, search="address=2/15min")
    assert statuses(2, lambda: publishable.get(SUGGEST)) == [200, 200]
    refused = publishable.get(SUGGEST)
    assert refused.status_code == 429
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["RateLimit-Policy"] == '"search-address";q=2;w=900'
    wait = int(refused.headers["Retry-After"])
    assert 440 < wait <= 450
    assert refused.headers["RateLimit"] == f'"search-address";r=0;t={wait}'
    said = refused.json()
    assert (said["code"], said["violated-policies"]) == ("too_many_requests", ["search-address"])
    assert "this network address" in said["detail"]


def test_every_answer_says_what_is_left(secret: Api, settings: Settings) -> None:
    limited(settings, search="user=3/hour, key=100/hour")
    answer = secret.get(SUGGEST, **ANNA)
    assert answer.headers["RateLimit-Policy"] == ", ".join(sorted_like(answer, q={"user": "3", "key": "100"}))
    assert '"search-user";r=2;t=1200' in answer.headers["RateLimit"]
    assert '"search-key";r=99;t=36' in answer.headers["RateLimit"]
    wrong = secret.get("/api/v1/products/none", **ANNA)
    assert wrong.status_code == 404
    left = re.search(r'"search-user";r=1;t=(\d+)', wrong.headers["RateLimit"])
    assert left
    assert 1100 < int(left[1]) <= 1200


def sorted_like(answer: Any, q: dict[str, str]) -> list[str]:
    """The policies in the order of the answer."""
    order = [item.partition(";")[0].strip('"') for item in answer.headers["RateLimit"].split(", ")]
    return [f'"{name}";q={q[name.removeprefix("search-")]};w=3600' for name in order]


def test_what_has_no_limits_says_nothing(publishable: Api) -> None:
    answer = publishable.get(SUGGEST)
    assert answer.status_code == 200
    assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)


def test_a_user_has_one_limit_whoever_names_them(secret: Api, settings: Settings) -> None:
    limited(settings, search="user=3/15min")
    by_token = Api(hs256().token(sub="anna"), Client())
    assert by_token.get(SUGGEST).status_code == 200
    assert secret.get(SUGGEST, **ANNA).status_code == 200
    assert secret.post("/api/v1/search", {"query": "milk", "user_id": "anna"}).status_code == 200
    assert secret.get(SUGGEST, **ANNA).status_code == 429
    assert by_token.get(SUGGEST).status_code == 429
    assert secret.get(SUGGEST, **{"X-User-Id": "bob"}).status_code == 200


def test_a_key_that_is_public_names_no_user_and_shows_nothing_of_the_shop(
    publishable: Api, settings: Settings
) -> None:
    limited(settings, search="user=1/15min, key=2/15min, address=9/15min")
    answers = [publishable.get(SUGGEST) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"search-address";q=9;w=900'
    assert '"search-key";r=0' in answers[2].headers["RateLimit"]


def test_a_server_has_no_limit_of_its_address(secret: Api, settings: Settings) -> None:
    limited(settings, search="address=1/15min")
    assert statuses(3, lambda: secret.get(SUGGEST)) == [200] * 3


def test_addresses_have_limits_of_their_own_and_a_forged_header_has_none(
    publishable: Api, settings: Settings
) -> None:
    limited(settings, search="address=1/15min")
    assert publishable.get(SUGGEST).status_code == 200
    assert publishable.get(SUGGEST, **{"X-Forwarded-For": "198.51.100.1"}).status_code == 429
    elsewhere = Api(publishable.key, Client(REMOTE_ADDR="198.51.100.1"))
    assert elsewhere.get(SUGGEST).status_code == 200


def test_each_event_of_a_batch_counts(secret: Api, settings: Settings) -> None:
    limited(settings, events="key=10/15min")
    assert secret.send(*[cart() for _ in range(7)])["accepted"] == 7
    assert secret.post(EVENTS, {"events": [cart() for _ in range(4)]}).status_code == 429
    assert secret.send(*[cart() for _ in range(3)])["accepted"] == 3
    assert secret.post(EVENTS, cart()).status_code == 429


def test_a_batch_larger_than_the_limit_takes_all_of_it(secret: Api, settings: Settings) -> None:
    limited(settings, events="key=5/15min")
    assert secret.send(*[cart() for _ in range(7)])["accepted"] == 7
    assert secret.post(EVENTS, cart()).status_code == 429


@pytest.mark.parametrize("path", [EVENTS, "/api/v1/search"])
def test_a_body_that_cannot_be_read_is_a_request_all_the_same(
    secret: Api, settings: Settings, path: str
) -> None:
    limited(settings, events="key=2/15min", search="key=2/15min")
    assert statuses(3, lambda: secret.post(path, b"{")) == [400, 400, 429]


def test_what_changes_something_of_privacy_has_a_narrower_limit(secret: Api, settings: Settings) -> None:
    limited(settings, privacy="user=9/15min", privacy_writes="user=1/15min")
    links = "/api/v1/privacy/links"
    assert statuses(2, lambda: secret.post(links, {}, **ANNA)) == [201, 429]
    assert secret.get(SETTINGS, **ANNA).status_code == 200


def test_wrong_credentials_are_slowed_and_the_right_one_is_not_believed_then(
    publishable: Api, settings: Settings
) -> None:
    limited(settings, failures="address=3/15min")
    wrong = Api("sk_guessed", Client())
    assert statuses(3, lambda: wrong.get(SUGGEST)) == [401] * 3
    refused = wrong.get(SUGGEST)
    assert refused.status_code == 429
    assert "WWW-Authenticate" not in refused.headers
    assert int(refused.headers["Retry-After"]) > 0
    assert publishable.get(SUGGEST).status_code == 429
    elsewhere = Api(publishable.key, Client(REMOTE_ADDR="198.51.100.1"))
    assert elsewhere.get(SUGGEST).status_code == 200


def test_right_credentials_use_up_nothing_of_that(publishable: Api, settings: Settings) -> None:
    limited(settings, failures="address=1/15min")
    assert statuses(3, lambda: publishable.get(SUGGEST)) == [200] * 3
    assert "RateLimit" not in publishable.get(SUGGEST).headers


def test_no_credential_and_a_forged_token_are_failures(settings: Settings) -> None:
    limited(settings, failures="address=2/15min")
    assert Client().get(SUGGEST).status_code == 401
    forged = jwt.encode({"sub": "anna"}, "x" * 40, algorithm="HS256")
    assert Api(forged, Client()).get(SUGGEST).status_code == 401
    assert Client().get(SUGGEST).status_code == 429


def test_a_token_that_has_expired_is_a_request_and_no_guess(settings: Settings) -> None:
    limited(settings, failures="address=1/15min", search="address=3/15min")
    expired = Api(hs256().token(iat=1, exp=2), Client())
    assert statuses(4, lambda: expired.get(SUGGEST)) == [401, 401, 401, 429]


def test_a_key_without_the_scope_is_counted_too(settings: Settings) -> None:
    limited(settings, recommendations="key=2/15min")
    narrow = Api(keys.create("Narrow", ApiClient.Kind.SECRET, ["search"]), Client())
    assert statuses(3, lambda: narrow.get("/api/v1/profile", **ANNA)) == [403, 403, 429]


def test_a_page_elsewhere_may_read_that_it_asks_too_often(settings: Settings) -> None:
    limited(settings, search="address=1/15min", failures="address=9/15min")
    shop = "https://shop.example"
    front = Api(keys.create("Shop", ApiClient.Kind.PUBLISHABLE, origins=[shop]), Client())
    answers = [front.get(SUGGEST, Origin=shop) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == shop
        assert answer.headers["Access-Control-Expose-Headers"] == (
            "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"
        )


def test_probes_are_asked_as_often_as_one_likes(settings: Settings) -> None:
    settings.THROTTLES = dict.fromkeys(rates.CLASSES, "address=1/15min")
    for path in OPEN:
        assert 429 not in statuses(3, lambda path=path: Client().get(f"/{path}"))


def test_every_view_has_a_class_of_limits_or_says_that_it_has_none() -> None:
    assert len(get_resolver().url_patterns) > 1
    for address, view in views().items():
        if address in OPEN:
            assert view.throttle_classes == ()
        else:
            assert Throttle in view.throttle_classes, address
            # Whoever may read the metrics is one of us, and is told what was kept for the one before.
            assert view.required_scope in {*rates.CLASSES, "metrics"}, address  # type: ignore[attr-defined]


def test_nothing_of_an_address_or_a_user_stands_in_the_store(secret: Api, settings: Settings) -> None:
    limited(settings, search="1/min", failures="1/min")
    Api("sk_guessed", Client(REMOTE_ADDR="198.51.100.77")).get(SUGGEST)
    assert secret.get(SUGGEST, **ANNA).status_code == 200
    assert all(told not in "".join(stored()) for told in ("198.51.100.77", "anna"))
    assert stored()


def stored() -> list[str]:
    """Everything that the two servers have of limits, as text."""
    from django.db import connection

    from leafloaf.lib import cache

    with connection.cursor() as cursor:
        cursor.execute("SELECT access_throttle::text FROM access_throttle")
        rows = [str(row[0]) for row in cursor.fetchall()]
    redis = cache._redis()
    names = list(redis.scan_iter(cache._key("throttle:*"), count=1000))
    return rows + [f"{name!r} {redis.get(name)!r}" for name in names]


def test_the_description_of_the_api_names_limits_and_the_answer(settings: Settings) -> None:
    from drf_spectacular.generators import SchemaGenerator

    described = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for path, methods in described["paths"].items():
        for operation in methods.values():
            is_probe = path.startswith("/health")
            assert ("429" in operation["responses"]) is not is_probe, path
            for status, response in operation["responses"].items():
                shared = described["components"]["responses"].get(response.get("$ref", "").rpartition("/")[2])
                told = (shared or response).get("headers", {})
                assert status == "429" or ("RateLimit" in told) is not is_probe, (path, status)
