import pytest
from django.core import checks
from pytest_django import Settings

from privacy.checks import listeners_can_be_called


def complaints(settings: Settings, *names: str) -> list[checks.CheckMessage]:
    settings.PRIVACY_LISTENERS = [f"tests.privacy.example.{name}" for name in names]
    return listeners_can_be_called()


def test_good_listeners_pass(settings: Settings) -> None:
    assert complaints(settings, "listener", "refusing") == []


def test_the_listeners_of_the_application_pass() -> None:
    assert listeners_can_be_called() == []


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing", "cannot be imported"),
        ("silent", "cannot be called"),
        ("deaf", "does not take (subject_id, before, after)"),
    ],
)
def test_a_wrong_listener_is_named_with_what_is_wrong(settings: Settings, name: str, complaint: str) -> None:
    (found,) = complaints(settings, "listener", name)
    assert found.id == "privacy.E001"
    assert f"tests.privacy.example.{name}" in found.msg
    assert complaint in found.msg
    assert found.hint
