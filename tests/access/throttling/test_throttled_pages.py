"""Limits as people meet them on their privacy pages and where certificates are checked, with Redis and without."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern
from pytest_django import Settings

from leafloaf.lib import metering
from privacy import exporting, links, pages_urls
from privacy.erasure import requests
from privacy.models import Actor, ConsentRecord, DataExport, PrivacyLink, Subject
from privacy.pages import sessions
from tests.access.signing import hs256
from tests.access.throttling.conftest import limited
from tests.privacy.entering import HOME, session_of, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "only_postgres")]

SETTINGS, DELETION, CERTIFICATE, KEYS = (
    "/privacy/settings",
    "/privacy/deletion",
    "/privacy/certificate/",
    "/privacy/certificate-keys.json",
)
ONCE = {"privacy_pages": "address=1/15min", "privacy_page_writes": "address=1/15min"}
ELSEWHERE = "198.51.100.7"


@pytest.fixture
def only_postgres(settings: Settings) -> None:
    """Who erases and exports has tests of its own."""
    settings.DATA_HOLDERS = {"privacy": "privacy.own_holder.PrivacyHolder"}


def statuses(times: int, call: Any) -> list[int]:
    return [call().status_code for _ in range(times)]


def addresses() -> list[str]:
    """Of every page under /privacy/, whatever stands in the place of what is variable."""
    names = {str(one.name): one for one in pages_urls.urlpatterns if isinstance(one, URLPattern) and one.name}
    assert len(names) > 10
    filled = [
        re.sub(r"<uuid:\w+>", "0" * 8 + "-0000-4000-8000-" + "0" * 12, str(one.pattern))
        for one in names.values()
    ]
    return [HOME + address.replace("<str:token>", "nothing") for address in filled] + [
        HOME + "nowhere",
        CERTIFICATE,
    ]


def test_every_page_and_every_form_of_it_has_a_limit(settings: Settings) -> None:
    limited(settings, **ONCE)
    for number, address in enumerate(addresses()):
        client = Client(REMOTE_ADDR=f"198.51.100.{number}")
        for method in (client.get, client.post):
            first, second = method(address), method(address)
            assert first.status_code != 429, address
            assert (second.status_code, second.headers["Content-Type"]) == (
                429,
                "text/html; charset=utf-8",
            ), address
        assert client.head(address).status_code == 429, "looking is one limit, however it is done"


def test_the_refusal_is_a_page_that_says_what_to_do_in_the_persons_language(settings: Settings) -> None:
    limited(settings, privacy_pages="address=2/15min")
    client = Client()
    assert statuses(2, lambda: client.get(HOME)) == [200, 200]
    refused = client.get("/privacy/?from=shop&x=%22%3E")
    wait = int(refused.headers["Retry-After"])
    assert 440 < wait <= 450
    assert refused.headers["RateLimit-Policy"] == '"privacy_pages-address";q=2;w=900'
    assert refused.headers["RateLimit"] == f'"privacy_pages-address";r=0;t={wait}'
    assert refused.headers["Cache-Control"] == "no-store"
    body = refused.content.decode()
    assert "<h1>Please wait a moment</h1>" in body
    assert f"Wait {wait} seconds" in body
    assert '<a href="/privacy/?from=shop&amp;x=%22%3E">Load the page again</a>' in body
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|http-equiv|javascript:", body)
    french = client.get(HOME, headers={"Accept-Language": "fr-CA"}).content.decode()
    assert '<html lang="fr">' in french
    assert f"Attendez {wait} secondes" in french


def test_every_answer_says_what_is_left(settings: Settings) -> None:
    limited(settings, privacy_pages="address=9/15min, user=5/15min")
    assert Client().get(HOME).headers["RateLimit"] == '"privacy_pages-address";r=8;t=100'
    client = signed_in()
    said = client.get(SETTINGS).headers["RateLimit"]
    assert '"privacy_pages-user";r=4;t=180' in said
    assert '"privacy_pages-address";r=7;' in said


def test_without_limits_nothing_is_said(settings: Settings) -> None:
    assert not {"RateLimit", "RateLimit-Policy"} & set(Client().get(HOME).headers)


def test_a_link_that_is_opened_too_often_is_not_used_up(settings: Settings) -> None:
    token, _ = links.make("user_1")
    opened = f"/privacy/enter/{token}"
    limited(settings, **ONCE)
    client = Client()
    assert [client.post("/privacy/leave").status_code, client.post(opened).status_code] == [200, 429]
    assert [client.get(opened).status_code, client.get(opened).status_code] == [200, 429]
    assert sessions.COOKIE not in client.cookies or not client.cookies[sessions.COOKIE].value
    assert PrivacyLink.objects.get().used_at is None
    assert Client(REMOTE_ADDR=ELSEWHERE).post(opened).status_code == 302
    assert PrivacyLink.objects.get().used_at is not None


def test_a_file_that_may_be_taken_once_is_still_there(settings: Settings) -> None:
    client = signed_in()
    exporting.ask("user_1")
    exporting.make_due()
    taken = f"/privacy/export/{DataExport.objects.get().pk}"
    limited(settings, privacy_page_writes="user=1/15min")
    assert client.post(SETTINGS, {}).status_code == 422
    assert client.post(taken).status_code == 429
    assert DataExport.objects.get().state == DataExport.State.READY
    limited(settings, privacy_page_writes="off")
    assert client.post(taken).headers["Content-Type"] == "application/zip"


def test_a_form_past_the_limit_changes_nothing_and_says_so(settings: Settings) -> None:
    client = signed_in()
    limited(settings, privacy_page_writes="user=1/15min")
    sent = {"data_retention_days": "30"}
    assert client.post(SETTINGS, sent).status_code == 302
    known = ConsentRecord.objects.count()
    refused = client.post(SETTINGS, {"data_retention_days": "7"})
    assert refused.status_code == 429
    body = refused.content.decode()
    assert "What you sent was not accepted, and nothing was changed." in body
    assert "Load the page again" not in body
    assert ConsentRecord.objects.count() == known
    assert client.post(DELETION, {"wait": "1", "sure": "on"}).status_code == 429
    assert "Saved." in client.get(SETTINGS).content.decode(), (
        "looking has another limit, and what was to be said is said"
    )


def test_a_person_has_one_limit_wherever_they_are_signed_in(settings: Settings) -> None:
    first, second = signed_in(), signed_in(client=Client(REMOTE_ADDR=ELSEWHERE))
    other = signed_in("user_2")
    limited(settings, privacy_pages="user=2/15min")
    assert [first.get(HOME).status_code, second.get(HOME).status_code, first.get(HOME).status_code] == [
        200,
        200,
        429,
    ]
    assert other.get(HOME).status_code == 200
    assert statuses(3, lambda: Client().get(HOME)) == [200] * 3, "nobody is no person"


def test_who_is_being_erased_is_the_same_person(settings: Settings) -> None:
    client = signed_in()
    limited(settings, privacy_pages="user=2/15min")
    assert client.get(HOME).status_code == 200
    requests.open_for("user_1", Actor.USER)
    assert statuses(2, lambda: client.get(DELETION)) == [200, 429]


def test_a_refused_page_does_not_prolong_the_session(settings: Settings) -> None:
    client = signed_in()
    limited(settings, privacy_pages="user=1/15min")
    client.get(HOME)
    refused = client.get(HOME)
    assert sessions.COOKIE not in refused.cookies
    assert sessions.ENTRY in session_of(client)


def test_addresses_have_limits_of_their_own_and_keys_of_the_api_have_nothing_to_do_with_it(
    settings: Settings,
) -> None:
    limited(settings, privacy_pages="address=1/15min", failures="address=1/15min")
    for _ in range(3):
        Client().get("/api/v1/suggest?q=mi")
    assert statuses(2, lambda: Client().get(HOME)) == [200, 429]
    assert Client(REMOTE_ADDR=ELSEWHERE).get(HOME).status_code == 200


def test_a_token_of_the_shop_that_comes_too_often_makes_no_link(settings: Settings) -> None:
    limited(settings, privacy_page_writes="address=1/15min")
    form = {"token": hs256().token(sub="user_1")}
    assert statuses(2, lambda: Client().post("/privacy/enter", form)) == [302, 429]
    assert PrivacyLink.objects.count() == Subject.objects.count() == 1


def test_a_forged_form_is_counted_too(settings: Settings) -> None:
    limited(settings, privacy_page_writes="address=1/15min")
    client = Client(enforce_csrf_checks=True)
    assert statuses(2, lambda: client.post("/privacy/leave")) == [403, 429]


def test_the_keys_are_refused_as_a_program_reads_it_and_no_cache_keeps_that(settings: Settings) -> None:
    limited(settings, privacy_pages="address=1/15min")
    told = Client().get(KEYS)
    assert told.headers["Cache-Control"] == "public, max-age=300"
    assert "RateLimit" not in told.headers, "a cache would tell others what is left of mine"
    refused = Client().get(KEYS)
    assert (refused.status_code, refused.headers["Cache-Control"]) == (429, "no-store")
    assert (refused.json()["code"], refused.headers["Content-Type"]) == (
        "too_many_requests",
        "application/problem+json",
    )
    assert int(refused.headers["Retry-After"]) > 400
    assert "RateLimit" in refused.headers


def test_refusals_are_counted_as_those_of_the_api(settings: Settings) -> None:
    limited(settings, privacy_page_writes="address=1/15min")
    before = refusals()
    assert statuses(3, lambda: Client().post(CERTIFICATE, {"text": "{}"})) == [200, 429, 429]
    assert refusals() == before + 2


def refusals() -> float:
    labels = {"policy": "privacy_page_writes-address"}
    return metering.registry.get_sample_value("leafloaf_throttled_requests_total", labels) or 0.0
