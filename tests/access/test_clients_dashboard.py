"""*API clients*: who calls, and what there is to do."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from leafloaf.access import client_state, clients, keys
from leafloaf.access.models import ApiClient, ApiKey
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/dashboards/api-clients/"
VIEW, ROTATE, ADD = "access.view_apiclient", "access.rotate_apiclient", "access.add_apiclient"
DAY = timedelta(days=1)


@pytest.fixture
def olive() -> Client:
    return staff("olive", VIEW, ROTATE, ADD, "access.speak_for_users")


def words(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def made(name: str = "Shop", kind: str = ApiClient.Kind.SECRET, **options: Any) -> ApiClient:
    keys.create(name, kind, **options)
    return ApiClient.objects.get(name=name)


def aged(client: ApiClient, **by: timedelta | None) -> None:
    """Moves the times of the client's keys into the past, or to come."""
    now = datetime.now(UTC)
    client.keys.update(**{name: None if ago is None else now - ago for name, ago in by.items()})


def to_do(client: ApiClient) -> list[tuple[str, str]]:
    state = client_state.of(client, list(client.keys.all()), datetime.now(UTC))
    return [(one.sentence, one.act) for one in state.to_do]


def test_without_a_client_the_page_says_how_there_comes_to_be_one(olive: Client) -> None:
    told = words(olive)
    assert "No client works yet" in told
    assert "manage.py create_api_client" in told


def test_a_client_is_shown_with_its_keys_and_never_a_key_itself(olive: Client) -> None:
    key = keys.create("Till", ApiClient.Kind.SECRET, ["events"])
    page = olive.get(PAGE).content.decode()
    assert key not in page
    assert key[: keys.LOOKUP_LENGTH] in page
    till = ApiClient.objects.get()
    assert f"/admin/access/apiclient/{till.pk}/rotate/" in page
    assert "nothing to do" in words(olive, "/admin/")


def test_a_healthy_client_has_nothing_to_do() -> None:
    assert to_do(made()) == []


def test_a_client_that_nobody_uses_is_to_be_revoked() -> None:
    client = made()
    aged(client, last_used_at=91 * DAY, created_at=200 * DAY)
    assert to_do(client) == [("has not been used for 90 days", "revoke")]
    aged(client, last_used_at=89 * DAY)
    assert to_do(client) == []


def test_a_client_without_a_working_key_needs_one() -> None:
    client = made()
    aged(client, expires_at=DAY)
    assert to_do(client) == [("has no key that works", "rotate")]
    clients.revoke([client], by="olive")
    client.refresh_from_db()
    assert to_do(client) == []


def test_a_key_grows_old() -> None:
    client = made()
    aged(client, created_at=366 * DAY, last_used_at=DAY)
    ((sentence, act),) = to_do(client)
    assert sentence.startswith("has a key older than a year (")
    assert act == "rotate"


def test_an_overlap_that_ends_while_the_old_key_is_in_use_is_told() -> None:
    client = made()
    aged(client, last_used_at=DAY / 2)
    clients.rotate(client, by="olive", overlap=3 * DAY)
    ((sentence, _),) = to_do(client)
    assert sentence.startswith("still uses a key that ends soon")
    ApiKey.objects.exclude(expires_at=None).update(last_used_at=datetime.now(UTC) - 2 * DAY)
    assert to_do(client) == []


def test_a_last_key_that_ends_is_told() -> None:
    client = made()
    aged(client, expires_at=-3 * DAY)
    ((sentence, act),) = to_do(client)
    assert sentence.startswith("has only a key that ends soon")
    assert act == "rotate"


def test_any_origin_is_told_unless_it_is_the_demo() -> None:
    shop = made("Front", ApiClient.Kind.PUBLISHABLE, origins=["*"])
    assert to_do(shop) == [("may be used by pages of every origin (*)", "change")]
    demo = made("Demo", ApiClient.Kind.PUBLISHABLE, origins=["*"], key="pk_demo_leafloaf")
    assert to_do(demo) == []


def test_the_overview_leads_to_where_it_is_done(olive: Client) -> None:
    client = made("Old till")
    aged(client, expires_at=DAY)
    page = olive.get("/admin/").content.decode()
    assert "The API client Old till has no key that works." in page
    assert f'href="/admin/access/apiclient/{client.pk}/rotate/">Rotate a key of Old till</a>' in page
    looker = staff("kim", VIEW).get("/admin/").content.decode()
    assert f"/admin/access/apiclient/{client.pk}/rotate/" not in looker
    assert f"/admin/access/apiclient/{client.pk}/change/" in looker


def test_many_clients_with_something_to_do_are_one_sentence(
    olive: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        aged(made(f"Till {number}"), expires_at=DAY)
    with django_assert_max_num_queries(15):
        told = words(olive, "/admin/")
    assert "8 API clients have something to be done about them." in told
    with django_assert_max_num_queries(15):
        olive.get(PAGE)


def test_who_may_not_look_does_not() -> None:
    assert staff("passer-by").get(PAGE).status_code == 403
    assert "Rotate" not in words(staff("kim", VIEW))
