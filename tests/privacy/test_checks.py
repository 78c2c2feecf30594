from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import connection, models
from pytest_django import Settings

from privacy import checks as privacy_checks
from privacy.checks import (
    holders_are_usable,
    holders_exist,
    listeners_can_be_called,
    models_have_holders,
    query_words_can_be_asked,
    sinks_have_holders,
)
from tests.conftest import memory_configuration


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


# Every place with personal data has a holder


def test_every_place_of_the_application_has_its_holder() -> None:
    found = [
        *holders_exist(),
        *holders_are_usable(),
        *sinks_have_holders(),
        *models_have_holders(),
        *query_words_can_be_asked(),
    ]
    assert found == []


def test_every_sink_of_the_settings_has_a_holder_even_one_that_is_off(settings: Settings) -> None:
    settings.SINKS = {name: sink | {"ENABLED": True} for name, sink in settings.SINKS.items()}
    assert sinks_have_holders() == []


def test_a_sink_without_a_holder_is_named(settings: Settings) -> None:
    settings.SINKS = {
        "elsewhere": memory_configuration(),
        "off": memory_configuration(ENABLED=False),
    }
    (found,) = sinks_have_holders()
    assert (found.id, "'elsewhere'" in found.msg) == ("privacy.E003", True)
    assert found.hint


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing", "cannot be imported"),
        ("silent", "is no BaseHolder"),
        ("listener", "is no BaseHolder"),
        ("Forgetful", "lacks erase, export, plan, verify"),
        ("Nameless", "lacks store, title"),
    ],
)
def test_a_holder_that_is_none_is_named_with_what_is_wrong(
    settings: Settings, name: str, complaint: str
) -> None:
    settings.DATA_HOLDERS = {"example": f"tests.privacy.example.{name}"}
    (found,) = holders_are_usable()
    assert (found.id, complaint in found.msg) == ("privacy.E002", True)


@pytest.mark.parametrize(
    ("path", "complaint"), [("nowhere.at_all", "cannot be"), ("tests.privacy.example.deaf", "(words)")]
)
def test_who_vouches_for_words_must_be_callable(settings: Settings, path: str, complaint: str) -> None:
    settings.QUERY_WORDS = path
    (found,) = query_words_can_be_asked()
    assert (found.id, complaint in found.msg) == ("privacy.E005", True)


@pytest.fixture
def made() -> Iterator[list[type[models.Model]]]:
    """Models of this test: they are gone from the registry afterwards."""
    found: list[type[models.Model]] = []
    yield found
    for model in found:
        del apps.all_models["privacy"][model._meta.model_name or ""]
    apps.clear_cache()


def throwaway(name: str, **columns: Any) -> type[models.Model]:
    meta = type("Meta", (), {"app_label": "privacy"})
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


@pytest.mark.parametrize(
    "columns",
    [
        {"subject_id": models.UUIDField()},
        {"whose": models.UUIDField(db_column="subject_id")},
        {"subject": models.ForeignKey("privacy.Subject", models.CASCADE)},
        {"user_id": models.CharField(max_length=128)},
        {"session_id": models.CharField(max_length=128)},
    ],
)
def test_a_model_that_says_whose_a_row_is_and_has_no_holder_fails_the_check(
    made: list[type[models.Model]], columns: dict[str, models.Field[Any, Any]]
) -> None:
    copied = {name: field.clone() for name, field in columns.items()}
    made.append(throwaway("Unheld", **copied))
    (found,) = models_have_holders()
    assert (found.id, found.obj) == ("privacy.E004", made[0])
    assert "privacy.Unheld" in found.msg


def test_a_column_of_an_account_of_the_staff_is_nobody_of_the_shoppers(
    made: list[type[models.Model]],
) -> None:
    made.append(throwaway("OfStaff", user=models.ForeignKey("auth.User", models.CASCADE, related_name="+")))
    assert models_have_holders() == []


def test_a_model_that_lost_its_holder_fails_the_check(settings: Settings) -> None:
    settings.DATA_HOLDERS = {
        name: path for name, path in settings.DATA_HOLDERS.items() if name != "recommendations"
    }
    named = {found.msg.split()[0] for found in models_have_holders()}
    assert named == {"personalization.Exposure", "personalization.Dismissal"}


def test_the_checks_ask_no_database() -> None:
    assert not connection.in_atomic_block  # there is none in this test: a query would fail it
    assert privacy_checks.models_have_holders() == []
