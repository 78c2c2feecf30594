"""API clients in the admin: the key on the answering page and nowhere after, each right by its permission."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from leafloaf.access import clients, keys
from leafloaf.access.models import ApiClient, ApiKey, AuditEntry
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:access_apiclient_changelist")
ADD = reverse("admin:access_apiclient_add")
RIGHTS = tuple(f"access.{act}_apiclient" for act in ("view", "add", "change", "delete", "rotate"))
SECRET, PUBLISHABLE = ApiClient.Kind.SECRET, ApiClient.Kind.PUBLISHABLE


def page_of(client: ApiClient, name: str = "change") -> str:
    return reverse(f"admin:access_apiclient_{name}", args=[client.pk])


def form(**changes: object) -> dict[str, object]:
    return {
        "name": "Shop",
        "kind": "secret",
        "scopes": ["search"],
        "allowed_origins": "",
        "ends_on": "",
    } | changes


def shown_key(page: str) -> str:
    found = re.search(r'id="key">([^<]+)<', page)
    assert found, page
    return found[1]


def works(key: str) -> bool:
    keys.forget()
    return keys.find(key) is not None


@pytest.fixture
def operator(db: None) -> Client:
    return staff("operator", *RIGHTS, "access.speak_for_users")


@pytest.fixture
def shop() -> tuple[ApiClient, str]:
    key = keys.create("Shop", SECRET)
    return ApiClient.objects.get(), key


def test_staff_add_a_client_and_see_its_key_once(operator: Client) -> None:
    answer = operator.post(ADD, form(scopes=["search", "events"]))
    key = shown_key(answer.content.decode())
    caller = keys.find(key)
    assert caller == keys.Caller("Shop", "secret", frozenset({"search", "events"}))
    assert "no-store" in answer.headers["Cache-Control"]
    client = ApiClient.objects.get()
    addresses = [
        LIST,
        page_of(client),
        page_of(client, "history"),
        page_of(client, "rotate"),
        page_of(client, "revoke"),
    ]
    for address in addresses:
        page = operator.get(address)
        assert page.status_code == 200
        assert key not in page.content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("operator", "add API client", "Shop")
    assert entry.details["key"] == key[: keys.LOOKUP_LENGTH]
    assert key not in str(entry.details)


def test_a_publishable_client_has_its_scopes_and_the_origins_line_by_line(operator: Client) -> None:
    origins = "https://shop.example\r\n\r\nhttp://localhost:3000\r\nhttps://SHOP.example"
    answer = operator.post(ADD, form(kind="publishable", scopes=[], allowed_origins=origins))
    caller = keys.find(shown_key(answer.content.decode()))
    assert caller is not None
    assert caller.scopes == {"search", "events"}
    assert caller.origins == {"https://shop.example", "http://localhost:3000"}


def test_a_client_may_be_given_a_last_day(operator: Client) -> None:
    operator.post(ADD, form(ends_on="2999-01-31"))
    assert ApiKey.objects.get().expires_at == datetime(2999, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("origin", ["*", "https://shop.example\n*"])
def test_every_origin_is_warned_about(operator: Client, origin: str) -> None:
    answer = operator.post(ADD, form(kind="publishable", allowed_origins=origin))
    assert "Pages of every origin (*) may use the keys of Shop." in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"scopes": []}, "Choose at least one scope."),
        ({"scopes": ["everything"]}, "not one of the available choices"),
        ({"kind": "root"}, "not one of the available choices"),
        ({"allowed_origins": "https://shop.example"}, "A secret key belongs on no page"),
        ({"kind": "publishable", "allowed_origins": "https://shop.example/cart"}, "more than an origin"),
        ({"kind": "publishable", "allowed_origins": "shop.example"}, "is no web origin"),
        ({"name": "Taken"}, "already exists"),
        ({"name": ""}, "required"),
        ({"ends_on": "2020-01-31"}, "has begun already"),
    ],
)
def test_the_form_says_what_is_wrong(operator: Client, changes: dict[str, object], why: str) -> None:
    keys.create("Taken", SECRET)
    page = operator.post(ADD, form(**changes)).content.decode()
    assert why in page
    assert ApiClient.objects.count() == 1


def test_staff_change_scopes_and_nothing_else_of_a_secret_client(
    operator: Client, shop: tuple[ApiClient, str]
) -> None:
    client, key = shop
    sent = form(name="Other", kind="publishable", scopes=["events"], allowed_origins="https://x.example")
    operator.post(page_of(client), sent)
    client.refresh_from_db()
    assert (client.name, client.kind) == ("Shop", "secret")
    assert (client.scopes, client.allowed_origins) == (["events"], [])
    keys.forget()
    caller = keys.find(key)
    assert caller is not None
    assert caller.scopes == {"events"}
    entry = AuditEntry.objects.get(action="change API client")
    assert (entry.actor, entry.target) == ("operator", "Shop")


def test_staff_change_the_origins_of_a_publishable_client(operator: Client) -> None:
    keys.create("Front", PUBLISHABLE, origins=["https://shop.example"])
    client = ApiClient.objects.get()
    assert "https://shop.example" in operator.get(page_of(client)).content.decode()
    operator.post(page_of(client), {"allowed_origins": "https://new.example"})
    client.refresh_from_db()
    assert (client.scopes, client.allowed_origins) == (["events", "search"], ["https://new.example"])
    operator.post(page_of(client), {"allowed_origins": "https://new.example"})
    assert AuditEntry.objects.filter(action="change API client").count() == 1, "the second changed nothing"


def test_staff_rotate_with_overlap_and_see_the_new_key_once(
    operator: Client, shop: tuple[ApiClient, str]
) -> None:
    client, old = shop
    assert "for 7 days" in operator.get(page_of(client, "rotate")).content.decode()
    answer = operator.post(page_of(client, "rotate"), {"overlap": "1d", "ends_on": ""})
    new = shown_key(answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    assert [works(old), works(new)] == [True, True]
    ends = client.keys.get(lookup=old[: keys.LOOKUP_LENGTH]).expires_at
    assert ends is not None
    assert timedelta(hours=23) < ends - timezone.now() <= timedelta(days=1)
    newest = shown_key(operator.post(page_of(client, "rotate"), {"overlap": "now"}).content.decode())
    assert [works(old), works(new), works(newest)] == [False, False, True]
    page = operator.get(page_of(client)).content.decode()
    assert all(key not in page for key in (old, new, newest))
    assert page.count("ended ") == 2
    assert AuditEntry.objects.filter(actor="operator", action="rotate API key", target="Shop").count() == 2


def test_a_rotation_without_an_answer_makes_nothing(operator: Client, shop: tuple[ApiClient, str]) -> None:
    client, _ = shop
    assert "required" in operator.post(page_of(client, "rotate"), {}).content.decode()
    assert "valid choice" in operator.post(page_of(client, "rotate"), {"overlap": "ever"}).content.decode()
    assert ApiKey.objects.count() == 1


def test_staff_revoke_one_key_or_the_client(operator: Client, shop: tuple[ApiClient, str]) -> None:
    client, old = shop
    new = clients.rotate(client, by="tests")
    one = client.keys.get(lookup=old[: keys.LOOKUP_LENGTH])
    page = operator.post(page_of(client, "revoke"), {"what": one.pk}, follow=True).content.decode()
    assert "within 1 second" in page
    assert [works(old), works(new)] == [False, True]
    operator.post(page_of(client, "revoke"), {"what": "client"})
    assert not works(new)
    for name in ("rotate", "revoke"):
        assert operator.get(page_of(client, name)).status_code == 404, "there is nothing left to do"
        assert page_of(client, name) not in operator.get(page_of(client)).content.decode()
    acts = AuditEntry.objects.filter(actor="operator").order_by("id").values_list("action", flat=True)
    assert list(acts) == ["revoke API key", "revoke API client"]


def test_a_key_of_another_client_is_not_revoked_by_the_way(
    operator: Client, shop: tuple[ApiClient, str]
) -> None:
    client, _ = shop
    other = keys.create("Other", SECRET)
    row = ApiKey.objects.get(lookup=other[: keys.LOOKUP_LENGTH])
    assert "valid choice" in operator.post(page_of(client, "revoke"), {"what": row.pk}).content.decode()
    assert works(other)


def test_clients_are_revoked_from_the_list(operator: Client, shop: tuple[ApiClient, str]) -> None:
    client, key = shop
    chosen = {"action": "revoke", "_selected_action": [str(client.pk)]}
    assert "1 client revoked" in operator.post(LIST, chosen, follow=True).content.decode()
    assert "0 clients revoked" in operator.post(LIST, chosen, follow=True).content.decode()
    assert not works(key)


def test_a_client_that_was_used_is_not_deleted(operator: Client, shop: tuple[ApiClient, str]) -> None:
    client, key = shop
    assert works(key)
    assert operator.post(page_of(client, "delete"), {"post": "yes"}).status_code == 403
    operator.post(LIST, {"action": "delete_selected", "_selected_action": [str(client.pk)], "post": "yes"})
    assert works(key)


def test_one_that_never_was_is_deleted_and_the_audit_has_it(
    operator: Client, shop: tuple[ApiClient, str]
) -> None:
    client, key = shop
    assert operator.post(page_of(client, "delete"), {"post": "yes"}).status_code == 302
    assert not works(key)
    assert AuditEntry.objects.filter(actor="operator", action="delete API client", target="Shop").exists()


def test_each_right_is_one_of_its_own(shop: tuple[ApiClient, str]) -> None:
    client, key = shop
    onlooker = staff("onlooker", "access.view_apiclient")
    page = onlooker.get(page_of(client))
    assert page.status_code == 200
    assert page_of(client, "rotate") not in page.content.decode()
    assert onlooker.post(ADD, form(name="Mine")).status_code == 403
    assert onlooker.post(page_of(client), form(scopes=["search"])).status_code == 403
    for who in (onlooker, staff("editor", "access.view_apiclient", "access.change_apiclient")):
        assert who.post(page_of(client, "rotate"), {"overlap": "now"}).status_code == 403
        assert who.post(page_of(client, "revoke"), {"what": "client"}).status_code == 403
        who.post(LIST, {"action": "revoke", "_selected_action": [str(client.pk)]})
    assert staff("passer-by").get(LIST).status_code == 403
    assert works(key)
    assert ApiKey.objects.count() == 1
    rotator = staff("rotator", "access.view_apiclient", "access.rotate_apiclient", "access.speak_for_users")
    assert rotator.get(page_of(client, "rotate")).status_code == 200
    assert rotator.post(page_of(client), form(scopes=["search"])).status_code == 403


def test_a_form_from_elsewhere_rotates_nothing(shop: tuple[ApiClient, str]) -> None:
    client, _ = shop
    staff("operator", "access.view_apiclient", "access.rotate_apiclient")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="operator"))
    assert strict.post(page_of(client, "rotate"), {"overlap": "now"}).status_code == 403
    assert ApiKey.objects.count() == 1


def test_the_list_shows_when_each_was_last_used_in_few_queries(
    operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        keys.create(f"Client {number}", SECRET)
    works(keys.create("Used", SECRET))
    with django_assert_max_num_queries(15):
        page = operator.get(LIST).content.decode()
    assert str(timezone.now().year) in page
    with django_assert_max_num_queries(15):
        operator.get(page_of(ApiClient.objects.get(name="Used")))


def test_a_client_is_found_by_how_its_key_begins(operator: Client, shop: tuple[ApiClient, str]) -> None:
    _, key = shop
    keys.create("Other", SECRET)
    page = operator.get(LIST, {"q": key[: keys.LOOKUP_LENGTH]}).content.decode()
    assert "Shop" in page
    assert ">Other<" not in page


def test_what_speaks_for_users_is_made_by_who_may(shop: tuple[ApiClient, str]) -> None:
    """Who has a secret key reads what is known of anybody, and no look-up is written down."""
    client, key = shop
    without = staff("olive", *RIGHTS)
    answer = without.post(ADD, form(name="Mine"))
    assert (answer.status_code, ApiClient.objects.count()) == (200, 1)
    assert "no role has" in answer.content.decode()
    assert without.post(page_of(client, "rotate"), {"overlap": "now"}).status_code == 403
    without.post(page_of(client), form(scopes=["search", "privacy"]))
    client.refresh_from_db()
    assert client.scopes == sorted(keys.SCOPES)
    assert works(key)
    page = without.get(page_of(client)).content.decode()
    assert page_of(client, "rotate") not in page
    assert page_of(client, "revoke") in page
    origins = {"kind": "publishable", "allowed_origins": "https://shop.example"}
    assert shown_key(without.post(ADD, form(name="Front", **origins)).content.decode()).startswith("pk_")
    without.post(page_of(client, "revoke"), {"what": "client"})
    assert not works(key)
