"""Each role sees its pages and no other; the table gives, and never takes away."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from leafloaf.staff import roles

pytestmark = pytest.mark.django_db

FOR_ALL = {
    "",
    "login/",
    "password_change/",
    "password_change/done/",
    "second-factor/",
    "second-factor/set-up/",
}
OF_CATALOGUE = {
    "catalog/brand/",
    "catalog/category/",
    "catalog/merchandisingrule/",
    "catalog/merchandisingrule/add/",
    "catalog/product/",
    "catalog/product/add/",
    "catalog/supplier/",
    "catalog/synonym/",
    "catalog/synonym/add/",
}
PEOPLE = {"people/", "dashboards/user-profiles/"}
PAGES = {
    "Support": {"dashboards/deletion-requests/", *PEOPLE},
    "Privacy officer": {
        "dashboards/deletion-requests/",
        "dashboards/privacy-metrics/",
        "privacy/consentrecord/",
        "access/auditentry/",
        *PEOPLE,
    },
    "Analyst": {
        "capture/rejectioncount/",
        "capture/volume/",
        "dashboards/data-quality/",
        "dashboards/privacy-metrics/",
        "dashboards/search-analytics/",
        "dashboards/shop-trends/",
        "personalization/learnedversion/",
    },
    "Operator": {
        "access/apiclient/",
        "access/apiclient/add/",
        "access/auditentry/",
        "access/tokenkey/",
        "capture/connectiontest/",
        "capture/deadletter/",
        "capture/event/",
        "capture/horizonreading/",
        "capture/ledgerday/",
        "capture/outboxbatch/",
        "capture/reading/",
        "capture/rejectioncount/",
        "capture/schemadrift/",
        "capture/sink/",
        "capture/volume/",
        "dashboards/api-clients/",
        "dashboards/backend-health/",
        "dashboards/data-quality/",
        "personalization/learnedversion/",
        "staff/authenticator/",
        "staff/failedsignin/",
    },
    "Merchandiser": {"dashboards/catalogue/", "dashboards/search-analytics/", *OF_CATALOGUE},
    "": set(),
}
PAGES["a stranger"] = PAGES[""]


def member(role: str) -> Client:
    user = User.objects.create_user("parsley", is_staff=role != "a stranger")
    if role in roles.ROLES:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def addresses() -> set[str]:
    """Every page of the admin that can be opened without knowing a row's key."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    found = {f"dashboards/{import_string(path).slug}/" for path in settings.DASHBOARDS}
    patterns = get_resolver().namespace_dict["admin"][1].reverse_dict
    for name in (name for name in patterns if isinstance(name, str)):
        found |= {possibility[0][0] for possibility, *_ in patterns.getlist(name) if not possibility[0][1]}
    return found - {"jsi18n/", "logout/", "autocomplete/"}


def opened(client: Client) -> set[str]:
    return {page for page in addresses() if client.get(f"/admin/{page}").status_code == 200}


@pytest.mark.parametrize("role", PAGES)
def test_a_role_opens_its_pages_and_no_other(role: str) -> None:
    assert opened(member(role)) - FOR_ALL == PAGES[role]


@pytest.mark.parametrize("role", roles.ROLES)
def test_the_overview_links_only_to_what_opens(role: str) -> None:
    client = member(role)
    said = client.get("/admin/").content.decode()
    links = set(re.findall(r'href="/admin/([a-z_/-]+)"', said))
    refused = {link for link in links if client.get(f"/admin/{link}").status_code == 403}
    assert not refused


def test_staff_without_a_role_see_no_list_and_no_dashboard() -> None:
    answer = member("").get("/admin/")
    assert answer.status_code == 200
    assert not answer.context["app_list"]
    assert not answer.context["dashboards"]


def names(role: str) -> set[str]:
    found: Any = Permission.objects.filter(group__name=role).values_list(
        "content_type__app_label", "codename"
    )
    return {f"{label}.{codename}" for label, codename in found}


@pytest.mark.parametrize("role", roles.ROLES)
def test_a_role_has_what_the_table_says(role: str) -> None:
    assert names(role) == set(roles.ROLES[role])


def test_every_permission_of_the_table_is_one() -> None:
    for role, wanted in roles.ROLES.items():
        assert len(wanted) == len(set(wanted)), role


def test_what_a_shop_added_stays_and_what_it_took_comes_back() -> None:
    group = Group.objects.get(name="Analyst")
    added = Permission.objects.get(codename="view_group")
    group.permissions.set([added])
    call_command("migrate", "staff", verbosity=0)
    assert names("Analyst") == {*roles.ROLES["Analyst"], "auth.view_group"}


def test_permissions_that_do_not_exist_yet_are_made() -> None:
    Group.objects.all().delete()
    Permission.objects.all().delete()
    roles.grant()
    assert names("Operator") == set(roles.ROLES["Operator"])


def test_again_it_changes_nothing() -> None:
    before = list(Group.permissions.through.objects.order_by("pk").values_list("pk", flat=True))
    roles.grant()
    roles.grant()
    assert before == list(Group.permissions.through.objects.order_by("pk").values_list("pk", flat=True))
