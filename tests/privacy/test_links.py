"""`POST /api/v1/privacy/links`, and what its link opens."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from pytest_django import Settings

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from privacy import links, subjects
from privacy.erasure import machine, requests
from privacy.models import Actor, Certificate, PrivacyLink, Subject
from privacy.pages import sessions
from tests.access.signing import USER, hs256
from tests.calls import Api
from tests.privacy.entering import HOME, path_of, session_of, signed_in
from tests.privacy.shelf import HOLDERS, Shelf

pytestmark = pytest.mark.django_db

LINKS = "/api/v1/privacy/links"
ENTER = "/privacy/enter"


def asked(api: Api, user_id: str = "user_1", body: Any = None) -> Any:
    return api.post(LINKS, body or {}, **({"X-User-Id": user_id} if user_id else {}))


def link_of(api: Api, user_id: str = "user_1") -> str:
    answer = asked(api, user_id)
    assert answer.status_code == 201, answer.content
    return path_of(answer.json()["url"])


def test_the_shop_gets_an_address_and_when_it_ends(secret: Api) -> None:
    answer = asked(secret)
    told = answer.json()
    assert set(told) == {"url", "expires_at"}
    assert told["url"].startswith("http://testserver/privacy/enter/")
    left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_address_says_nothing_of_the_user_and_is_kept_as_a_hash(secret: Api) -> None:
    token = link_of(secret).rsplit("/", 1)[1]
    subject = Subject.objects.get(user_id="user_1")
    assert len(token) == 43
    assert "user_1" not in token
    assert str(subject.pk) not in token
    row = PrivacyLink.objects.get()
    assert bytes(row.token_hash) == links.hash_of(token)
    assert row.subject_id == subject.pk


def test_the_user_may_be_named_in_the_body(secret: Api) -> None:
    assert asked(secret, "", {"user_id": "user_2"}).status_code == 201
    assert Subject.objects.get().user_id == "user_2"


def test_nobody_is_asked_to_say_who(secret: Api) -> None:
    assert asked(secret, "").status_code == 422


def test_a_user_token_gets_a_link_for_its_own_user_only(client: Client) -> None:
    token = Api(hs256().token(), client)
    assert asked(token, "").status_code == 201
    assert Subject.objects.get().user_id == USER
    assert asked(token, "another").status_code == 403


def test_a_publishable_key_gets_none(publishable: Api) -> None:
    assert asked(publishable).status_code == 403


def test_a_secret_key_without_the_scope_gets_none(client: Client) -> None:
    key = keys.create("Search only", ApiClient.Kind.SECRET, scopes=["search"])
    assert asked(Api(key, client)).status_code == 403
    assert PrivacyLink.objects.count() == 0


def test_looking_at_a_link_uses_nothing_up(secret: Api, client: Client) -> None:
    link = link_of(secret)
    for _ in range(3):
        page = client.get(link)
        assert page.status_code == 200
        assert client.head(link).status_code == 200
        assert sessions.COOKIE not in client.cookies
    assert b"Open my privacy page" in page.content
    assert PrivacyLink.objects.get().used_at is None


def test_the_button_opens_the_page_once(secret: Api, client: Client) -> None:
    link = link_of(secret)
    assert client.post(link).headers["Location"] == HOME
    assert b"Sign out" in client.get(HOME).content
    other = Client()
    assert other.post(link).status_code == other.get(link).status_code == 410
    assert sessions.COOKIE not in other.cookies


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room")
def test_of_many_who_press_at_once_one_gets_in() -> None:
    token, _ = links.make("user_1")
    together = Barrier(8)

    def press(_: int) -> int:
        try:
            together.wait(30)
            return Client().post(f"{ENTER}/{token}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    assert sorted(answers) == [302] + [410] * 7


def test_a_link_ends_after_a_quarter_of_an_hour(client: Client) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=15, seconds=1)):
        token, _ = links.make("user_1")
    assert client.get(f"{ENTER}/{token}").status_code == 410
    assert client.post(f"{ENTER}/{token}").status_code == 410


@pytest.mark.django_db(transaction=True)
def test_a_link_made_while_its_person_goes_leads_to_the_certificate(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.DATA_HOLDERS = HOLDERS | {"privacy": "privacy.own_holder.PrivacyHolder"}
    Shelf.clear()
    gone = subjects.resolve(["user_1"])["user_1"]
    Shelf.rows[str(gone)] = 1
    request = requests.open_for("user_1", Actor.USER, timedelta(0))
    look_up = links.goal

    def goal(user_id: str) -> UUID:
        found = look_up(user_id)
        machine.advance_all(until_quiet=True)
        return found

    monkeypatch.setattr(links, "goal", goal)
    links.make("user_1")
    assert PrivacyLink.objects.get().subject_id == request.pk
    assert Certificate.objects.count() == 1
    assert not Subject.objects.exists()


def test_a_link_between_the_person_and_the_certificate_makes_nobody_known_again() -> None:
    subject_id = subjects.resolve(["user_1"])["user_1"]
    request = requests.open_for("user_1", Actor.USER, timedelta(0))
    Subject.objects.filter(pk=subject_id).delete()
    links.make("user_1")
    assert PrivacyLink.objects.get().subject_id == request.pk
    assert not Subject.objects.exists()


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "é", "a b"])
def test_what_is_no_link_opens_nothing(client: Client, token: str) -> None:
    assert client.get(f"{ENTER}/{token}").status_code == 410
    assert client.post(f"{ENTER}/{token}").status_code == 410


def test_links_of_yesterday_are_forgotten() -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(days=2)):
        links.make("user_1")
    links.make("user_2")
    assert PrivacyLink.objects.count() == 1


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


def test_the_button_cannot_be_pressed_from_another_site(strict: Client) -> None:
    token, _ = links.make("user_1")
    answer = strict.post(f"{ENTER}/{token}", headers={"Accept-Language": "fr"})
    assert answer.status_code == 403
    assert "Ce formulaire ne peut pas être accepté" in answer.content.decode()
    assert PrivacyLink.objects.get().used_at is None


def test_a_user_token_in_a_form_of_the_shop_leads_to_a_link(strict: Client) -> None:
    answer = strict.post(ENTER, {"token": hs256().token()})
    assert answer.status_code == 302
    assert path_of(answer.headers["Location"]).startswith("/privacy/enter/")
    assert sessions.COOKIE not in strict.cookies
    assert strict.get(answer.headers["Location"]).status_code == 200
    assert Subject.objects.get().user_id == USER


@pytest.mark.parametrize("token", ["", "no token", "sk_demo_leafloaf", "\0"])
def test_what_is_no_user_token_is_refused_with_a_page(client: Client, token: str) -> None:
    answer = client.post(ENTER, {"token": token})
    assert answer.status_code == 403
    assert b"You could not be signed in" in answer.content
    assert PrivacyLink.objects.count() == 0


def test_a_form_on_a_page_where_tokens_do_not_belong_is_refused(client: Client) -> None:
    keys.create("Front", ApiClient.Kind.PUBLISHABLE, origins=["https://shop.example"])
    shop = hs256()
    for origin, status in (("https://evil.example", 403), ("null", 403), ("https://shop.example", 302)):
        assert client.post(ENTER, {"token": shop.token()}, headers={"Origin": origin}).status_code == status


def test_the_session_and_its_cookie_say_nothing_of_the_user() -> None:
    client = signed_in("user_1")
    cookie = client.cookies[sessions.COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/privacy/", True, "Lax")
    assert cookie["max-age"] == 1800
    stored = dict(session_of(client).items())
    subject = Subject.objects.get()
    assert set(stored) == {"entry", "_session_expiry"}
    assert str(subject.pk) not in str(stored)
    assert "user_1" not in str(stored)
    assert cookie.value not in str(stored)


def test_entering_ends_the_session_before() -> None:
    client = signed_in("user_1")
    first = client.cookies[sessions.COOKIE].value
    signed_in("user_2", client)
    assert client.cookies[sessions.COOKIE].value != first
    assert not sessions.PersonSession().exists(first)


def test_half_an_hour_without_a_visit_signs_out() -> None:
    client = signed_in()
    start = datetime.now(UTC)
    with time_machine.travel(start + timedelta(minutes=29)):
        assert b"Sign out" in client.get(HOME).content
    with time_machine.travel(start + timedelta(minutes=58)):
        assert b"Sign out" in client.get(HOME).content
    with time_machine.travel(start + timedelta(minutes=89)):
        assert b"You are not signed in" in client.get(HOME).content


def test_signing_out_ends_the_session() -> None:
    client = signed_in()
    key = client.cookies[sessions.COOKIE].value
    assert b"You are signed out" in client.post("/privacy/leave").content
    assert not sessions.PersonSession().exists(key)
    assert b"You are not signed in" in client.get(HOME).content
    client.cookies[sessions.COOKIE] = key
    assert b"You are not signed in" in client.get(HOME).content


def test_a_session_of_staff_opens_no_page_and_one_of_a_person_no_admin(admin_client: Client) -> None:
    assert b"You are not signed in" in admin_client.get(HOME).content
    staff = admin_client.cookies["sessionid"].value
    admin_client.cookies[sessions.COOKIE] = staff
    assert b"You are not signed in" in admin_client.get(HOME).content
    person = signed_in()
    person.cookies["sessionid"] = person.cookies[sessions.COOKIE].value
    assert person.get("/admin/").status_code == 302
