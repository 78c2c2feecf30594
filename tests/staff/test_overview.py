"""The admin's index: what is wrong first, then the ways on."""

import logging
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from leafloaf.access import audit
from leafloaf.staff import groups
from tests.staff.conftest import staff

INDEX = "/admin/"


def words(client: Client) -> str:
    answer = client.get(INDEX)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def shown(settings: Settings, *names: str) -> None:
    settings.DASHBOARDS = [f"tests.staff.example.{name}" for name in names]


def test_what_is_wrong_comes_first_the_worst_before_the_oldest(baker: Client, settings: Settings) -> None:
    shown(settings, "Bread", "Limping", "Burning")
    page = baker.get(INDEX).content.decode()
    told = [page.index(each) for each in ("Oven 2 burns", "Oven 3 is cold", "Scales: two scales disagree")]
    assert told == sorted(told)
    assert 'href="/admin/dashboards/ovens/?oven=2">Put it out</a>' in page
    assert 'href="/admin/dashboards/scales/">Open Scales</a>' in page
    assert "Since" in page
    assert page.index("Oven 2 burns") < page.index("12 loaves in the oven")


def test_when_nothing_is_wrong_it_says_so_and_when_it_looked(baker: Client, settings: Settings) -> None:
    shown(settings, "Bread")
    told = words(baker)
    assert "Nothing is wrong" in told
    assert re.search(r"Looked at \w+ \d+, \d\d:\d\d:\d\d ?, now", told)


@pytest.mark.parametrize("name", ["Broken", "BrokenInside"])
def test_a_dashboard_that_fails_takes_nothing_down_with_it(
    baker: Client, settings: Settings, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    shown(settings, "Bread", name)
    with caplog.at_level(logging.ERROR, logger="leafloaf.staff.overview"):
        told = words(baker)
    assert "12 loaves in the oven" in told
    assert "could not be read; the log of the web server says why" in told
    assert "nobody has this number" not in told
    assert "could not be read" in caplog.text
    (told_there,) = (one for one in caplog.records if one.name == "leafloaf.staff.overview")
    assert told_there.exc_info is not None


def test_a_problem_is_told_only_to_who_may_see_its_dashboard(passer_by: Client, settings: Settings) -> None:
    shown(settings, "Burning")
    told = words(passer_by)
    assert "Oven 2 burns" not in told
    assert "Nothing here is open to you yet." in told


def test_recent_audit_is_there_for_who_may_see_it(db: None, settings: Settings) -> None:
    shown(settings, "Bread")
    for number in range(12):
        audit.record("olive", f"pause a sink {number}", "redis", reason="month-end")
    told = words(staff("auditor", "access.view_auditentry"))
    assert "pause a sink 11" in told
    assert "pause a sink 2" in told
    assert "pause a sink 1 " not in told
    assert "Recent actions" not in told
    assert "pause a sink" not in words(staff("baker", "auth.view_group"))


def test_lists_are_grouped_by_what_they_are_for(admin_client: Client) -> None:
    page = admin_client.get(INDEX).content.decode()
    headings = re.findall(r'<div class="app-([\w-]+) module" id=', page)
    assert headings[:2] == ["capture", "catalogue"]
    assert headings == [group.key for group in groups.GROUPS if group.key in headings]
    assert page.index('id="capture-event"') < page.index('id="capture-deadletter"')
    assert admin_client.get("/admin/capture/").status_code == 200


def test_a_list_of_no_group_is_not_lost() -> None:
    apps: list[dict[str, Any]] = [
        {"app_label": "bakery", "models": [{"object_name": "Oven", "name": "Ovens"}]},
        {"app_label": "auth", "models": [{"object_name": "Group", "name": "Groups"}]},
        {"app_label": "access", "models": [{"object_name": "ApiClient", "name": "API clients"}]},
    ]
    found = groups.grouped(apps, "/admin/")
    assert [group["name"] for group in found] == ["Access", "Others"]
    assert [model["name"] for model in found[0]["models"]] == ["API clients", "Groups"]


def test_the_overview_takes_few_queries(
    admin_client: Client, django_assert_max_num_queries: Any, settings: Settings
) -> None:
    with django_assert_max_num_queries(15):
        admin_client.get(INDEX)
