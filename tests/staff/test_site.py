from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.test import Client
from pytest_django import Settings

from leafloaf.staff.site import without_nul

PAGE = "/admin/dashboards/bread/"


@pytest.fixture(autouse=True)
def _bakery(settings: Settings) -> None:
    settings.DASHBOARDS = ["tests.staff.example.Bread", "tests.staff.example.Plain"]


def test_a_dashboard_is_a_page_of_the_admin(baker: Client) -> None:
    page = baker.get(PAGE).content.decode()
    assert "<h1>Bread</h1>" in page
    assert "Loaves for baker" in page


def test_the_overview_shows_each_dashboard_with_its_headline(baker: Client) -> None:
    page = baker.get("/admin/").content.decode()
    assert "<h1>Overview</h1>" in page
    assert "12 loaves in the oven" in page
    assert 'href="/admin/dashboards/plain/"' in page


def test_the_sidebar_marks_the_dashboard_one_is_on(baker: Client) -> None:
    page = baker.get(PAGE).content.decode()
    assert '<a href="/admin/dashboards/bread/" aria-current="page">Bread</a>' in page
    assert '<a href="/admin/dashboards/plain/">Plain</a>' in page


def test_staff_without_the_permission_get_403_and_see_no_link(passer_by: Client) -> None:
    assert passer_by.get(PAGE).status_code == 403
    assert passer_by.post(PAGE, {"loaf": "Rye"}).status_code == 403
    assert "dashboards/bread" not in passer_by.get("/admin/").content.decode()


@pytest.mark.django_db
def test_strangers_are_sent_to_the_sign_in(client: Client) -> None:
    answer = client.get(PAGE)
    assert answer.status_code == 302
    assert answer["Location"] == f"/admin/login/?next={quote(PAGE)}"


def test_an_unknown_dashboard_is_404(baker: Client) -> None:
    assert baker.get("/admin/dashboards/cake/").status_code == 404


def test_a_button_acts_and_leads_back_with_a_message(baker: Client) -> None:
    answer = baker.post(PAGE + "?range=7d", {"loaf": "Rye"})
    assert answer.status_code == 302
    assert answer["Location"] == PAGE + "?range=7d"
    assert "Rye is baked." in baker.get(PAGE).content.decode()


def test_a_button_without_its_token_does_nothing(baker: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = baker.cookies
    assert strict.post(PAGE, {"loaf": "Rye"}).status_code == 403


def test_a_dashboard_without_buttons_takes_no_post(baker: Client) -> None:
    assert baker.post("/admin/dashboards/plain/").status_code == 405


@pytest.mark.django_db
def test_the_sign_in_carries_the_brand_and_nothing_inline(client: Client) -> None:
    page = client.get("/admin/login/").content.decode()
    assert "<title>Log in | LeafLoaf</title>" in page
    assert 'href="/static/staff/favicon.svg"' in page
    assert "style=" not in page
    assert "<style" not in page


def test_nothing_is_loaded_from_elsewhere(baker: Client) -> None:
    page = baker.get(PAGE).content.decode()
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_a_nul_never_reaches_the_database(baker: Client) -> None:
    assert baker.get("/admin/access/auditentry/", {"q": "a\0b"}).status_code in {200, 403}
    made = QueryDict(mutable=True)
    made.setlist("q", ["a\0b", "\0"])
    assert without_nul(made).getlist("q") == ["ab", ""]
