"""The audit in the admin: searched, filtered, never changed, and never counted to its end."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from leafloaf.access import audit
from leafloaf.access.models import AuditEntry
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:access_auditentry_changelist")


@pytest.fixture
def officer(db: None) -> Client:
    return staff("officer", "access.view_auditentry")


@pytest.fixture
def entries(db: None) -> None:
    for actor, action, target in [
        ("olive", "pause sink", "redis"),
        ("olive", "rotate API key", "Shop front end"),
        ("basil", "resume sink", "redis"),
    ]:
        audit.record(actor, action, target, reason=f"because of {target}", before={"café": 1})


def rows(officer: Client, **asked: str) -> list[str]:
    """Who did what, of each row that the page lists."""
    answer = officer.get(LIST, asked)
    assert answer.status_code == 200
    return [f"{entry.actor}: {entry.action}" for entry in answer.context["cl"].result_list]


def test_it_is_listed_newest_first(officer: Client, entries: None) -> None:
    assert rows(officer) == ["basil: resume sink", "olive: rotate API key", "olive: pause sink"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("olive", ["olive: rotate API key", "olive: pause sink"]),
        ("pause sink", ["olive: pause sink"]),
        ("redis", ["basil: resume sink", "olive: pause sink"]),
        (" Shop front end ", ["olive: rotate API key"]),
        ("oliv", []),
        ('say "cheese" \\', []),
        ("' OR true --", []),
    ],
)
def test_it_is_searched_by_whole_names(officer: Client, entries: None, words: str, found: list[str]) -> None:
    assert rows(officer, q=words) == found


def test_it_is_filtered_by_action_and_the_actions_are_those_there_are(officer: Client, entries: None) -> None:
    page = officer.get(LIST).content.decode()
    for action in ("pause sink", "resume sink", "rotate API key"):
        assert f"?action={action.replace(' ', '+')}" in page
    assert rows(officer, action="resume sink") == ["basil: resume sink"]
    assert rows(officer, action="no such thing") == []


def test_it_is_empty_without_a_fault(officer: Client) -> None:
    assert rows(officer) == []


def test_an_entry_shows_its_details(officer: Client, entries: None) -> None:
    address = reverse("admin:access_auditentry_change", args=[AuditEntry.objects.earliest("id").pk])
    page = officer.get(address).content.decode()
    assert "because of redis" in page
    assert "café" in page


def test_not_even_a_superuser_changes_it(admin_client: Client, entries: None) -> None:
    pk = AuditEntry.objects.earliest("id").pk
    for name in ("change", "delete"):
        address = reverse(f"admin:access_auditentry_{name}", args=[pk])
        assert admin_client.post(address, {"actor": "nobody", "post": "yes"}).status_code == 403
    assert admin_client.post(reverse("admin:access_auditentry_add"), {"actor": "nobody"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    admin_client.post(LIST, chosen)
    assert AuditEntry.objects.count() == 3
    assert not AuditEntry.objects.filter(actor="nobody").exists()


def test_who_lacks_the_permission_does_not_read_it(entries: None) -> None:
    assert staff("passer-by").get(LIST).status_code == 403


def test_no_page_counts_it_to_its_end_or_sorts_it(
    officer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(actor="olive", action="pause sink", target="redis") for _ in range(120)
    )
    for asked in ({}, {"q": "olive"}, {"action": "pause sink"}, {"q": "redis", "action": "pause sink"}):
        with django_assert_max_num_queries(15), CaptureQueriesContext(connection) as captured:
            officer.get(LIST, asked)
        for query in captured.captured_queries:
            if "access_auditentry" in query["sql"]:
                assert "LIMIT" in query["sql"], query["sql"]
                assert "COUNT(" not in query["sql"], query["sql"]
