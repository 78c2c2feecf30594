import pytest
from django.core import checks
from pytest_django import Settings

from leafloaf.staff.checks import dashboards_are_usable


def complaints(settings: Settings, *names: str) -> list[checks.CheckMessage]:
    settings.DASHBOARDS = [f"tests.staff.example.{name}" for name in names]
    return dashboards_are_usable()


def test_good_dashboards_pass(settings: Settings) -> None:
    assert complaints(settings, "Bread", "Plain") == []


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Missing", "cannot be imported"),
        ("function", "is not a class"),
        ("Lacking", "lacks permission, template_name"),
        ("WithoutContext", "lacks context(request)"),
        ("BadSlug", "cannot stand in an address"),
        ("BadPermission", "write app.codename"),
    ],
)
def test_a_wrong_dashboard_is_named_with_what_is_wrong(settings: Settings, name: str, complaint: str) -> None:
    (found,) = complaints(settings, name)
    assert found.id == "staff.E001"
    assert f"tests.staff.example.{name}" in found.msg
    assert complaint in found.msg
    assert found.hint


def test_two_dashboards_may_not_share_an_address(settings: Settings) -> None:
    assert len(complaints(settings, "Plain", "SameAddress", "Bread")) == 2
