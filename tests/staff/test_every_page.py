"""Every page that staff can open, with something on it: it opens, asks little, and counts no table to its end."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.module_loading import import_string
from pytest_django import Settings

from leafloaf.lib import statements
from leafloaf.staff import roles
from tests.staff import busy_shop

pytestmark = pytest.mark.django_db(transaction=True)
MOST_QUERIES = 15
UNBOUNDED = re.compile(
    r'^SELECT COUNT\([^)]*\) AS "__count" FROM "(?!.*\bLIMIT\b)', re.IGNORECASE | re.DOTALL
)
DASHBOARDS = [import_string(path).slug for path in configured.DASHBOARDS]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def olive(settings: Settings) -> Client:
    busy_shop.fill(settings)
    client = Client()
    client.force_login(busy_shop.one_with_every_permission())
    return client


class Asked:
    """The statements of a page, those that go past Django's cursor too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.beside: list[str] = []
        fetch = statements.fetch

        def noted(query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
            self.beside.append(query)
            return fetch(query, parameters)

        monkeypatch.setattr(statements, "fetch", noted)

    def by(self, client: Client, path: str) -> list[str]:
        self.beside.clear()
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path)
        # 403: rows of a person open only within a look-up of that person.
        assert answer.status_code == 200 or "/privacy/" in path, (path, answer.status_code)
        return [one["sql"] for one in captured.captured_queries] + self.beside


def too_much(paths: Iterator[str], client: Client, asked: Asked) -> list[str]:
    """What is wrong with these pages, one line each."""
    found = []
    for path in paths:
        queries = asked.by(client, path)
        if len(queries) > MOST_QUERIES:
            found.append(f"{path}: {len(queries)} queries\n  " + "\n  ".join(one[:160] for one in queries))
        found += [f"{path}: {one[:200]}" for one in queries if UNBOUNDED.match(one.strip())]
    return found


def test_every_dashboard_opens_with_few_queries(olive: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = (reverse("admin:dashboard", args=[slug]) for slug in DASHBOARDS)
    assert too_much(paths, olive, Asked(monkeypatch)) == []


@pytest.mark.parametrize("role", ["", *roles.ROLES])
def test_the_overview_takes_few_queries_for_everybody(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """For a superuser, and for every role."""
    busy_shop.fill(settings)
    user = User.objects.create_user("robin", is_staff=True, is_superuser=not role)
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
        roles.grant()
    client = Client()
    client.force_login(user)
    assert too_much(iter(["/admin/"]), client, Asked(monkeypatch)) == []


def test_every_list_opens_with_few_queries(olive: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert too_much(lists(), olive, Asked(monkeypatch)) == []


def lists() -> Iterator[str]:
    for model in MODELS:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        yield address
        if admin.site._registry[model].search_fields:
            yield f"{address}?q=milk"


def test_every_form_opens_with_few_queries(olive: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert too_much(forms(), olive, Asked(monkeypatch)) == []


def forms() -> Iterator[str]:
    for model in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        if (row := first(model)) is not None and admin.site._registry[model].list_display_links != []:
            yield reverse(name, args=[row.pk])


def first(model: type[Model]) -> Model | None:
    return model._default_manager.order_by("pk").first()


def test_the_application_pages_open(olive: Client) -> None:
    for label in {model._meta.app_label for model in MODELS}:
        assert olive.get(reverse("admin:app_list", args=[label])).status_code == 200, label


def test_in_a_new_shop_every_page_opens_too(db: None) -> None:
    client = Client()
    client.force_login(busy_shop.one_with_every_permission())
    for path in ["/admin/", *(reverse("admin:dashboard", args=[slug]) for slug in DASHBOARDS), *lists()]:
        assert client.get(path).status_code == 200, path
