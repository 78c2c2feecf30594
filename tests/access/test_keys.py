"""API keys: made once, kept as a hash, found by how they start."""

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from leafloaf.access import clients, keys
from leafloaf.access.models import ApiClient, ApiKey
from leafloaf.lib import database
from tests.calls import Api
from tests.outage import Outage

pytestmark = pytest.mark.django_db

SECRET, PUBLISHABLE = ApiClient.Kind.SECRET, ApiClient.Kind.PUBLISHABLE


def made(name: str, kind: str, *options: str) -> tuple[str, str]:
    """What `create_api_client` prints on stdout and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_client", name, "--kind", kind, *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize(("kind", "prefix"), [(SECRET, "sk_"), (PUBLISHABLE, "pk_")])
def test_a_key_says_its_kind_and_is_hard_to_guess(kind: str, prefix: str) -> None:
    made = {keys.create(f"client {number}", kind) for number in range(3)}
    assert len(made) == 3
    assert all(key.startswith(prefix) and len(key) >= 46 for key in made)


def test_the_database_never_holds_a_key() -> None:
    key = keys.create("Back end", SECRET)
    row = ApiKey.objects.get()
    assert len(bytes(row.key_hash)) == 32
    kept = b"\n".join(
        bytes(row.key_hash) if name == "key_hash" else str(value).encode()
        for name, value in vars(row).items()
    )
    assert key[: keys.LOOKUP_LENGTH].encode() in kept
    assert key[keys.LOOKUP_LENGTH :].encode() not in kept


def test_a_key_is_found_with_its_scopes() -> None:
    key = keys.create("Back end", SECRET, ["search", "privacy"])
    caller = keys.find(key)
    assert caller == keys.Caller("Back end", "secret", frozenset({"search", "privacy"}))
    assert caller.may_name_users


def test_a_secret_key_has_every_scope_unless_told() -> None:
    caller = keys.find(keys.create("Back end", SECRET))
    assert caller is not None
    assert caller.scopes == set(keys.SCOPES)


@pytest.mark.parametrize("asked", [[], ["privacy"], ["search", "events", "recommendations"]])
def test_a_publishable_key_gets_search_and_events_whatever_was_asked(asked: list[str]) -> None:
    caller = keys.find(keys.create("Front end", PUBLISHABLE, asked))
    assert caller is not None
    assert caller.scopes == {"search", "events"}
    assert not caller.may_name_users


def test_keys_that_start_alike_are_told_apart() -> None:
    for number in range(3):
        keys.create(f"client {number}", SECRET, key=f"sk_same_start_{number}")
    assert len(set(ApiKey.objects.values_list("lookup", flat=True))) == 1
    found = [keys.find(f"sk_same_start_{number}") for number in range(4)]
    assert [caller and caller.client_name for caller in found] == ["client 0", "client 1", "client 2", None]


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "x", lambda key: key.upper()])
def test_nearly_a_key_is_no_key(change: Callable[[str], str]) -> None:
    assert keys.find(change(keys.create("Back end", SECRET))) is None


def test_an_unknown_scope_is_refused_with_the_known_ones() -> None:
    with pytest.raises(keys.UnknownScope, match="unknown scopes: everything; known are search, events"):
        keys.create("Back end", SECRET, ["search", "everything"])
    assert not ApiClient.objects.exists()


def test_a_revoked_key_is_refused_once_it_is_forgotten(secret: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHE_SECONDS", 60.0)
    assert secret.get("/api/v1/products/none").status_code == 404
    ApiClient.objects.update(revoked_at=datetime.now(UTC))
    assert secret.get("/api/v1/products/none").status_code == 404, "remembered for up to a second"
    keys.forget()
    refused = secret.get("/api/v1/products/none")
    assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)


def test_a_key_is_looked_up_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.create("Back end", SECRET)
    assert keys.find(key) is not None
    ApiClient.objects.update(revoked_at=datetime.now(UTC))
    monkeypatch.setattr(keys, "CACHE_SECONDS", 0.0)
    assert keys.find(key) is None


def test_a_known_key_costs_no_query(request: pytest.FixtureRequest) -> None:
    key = keys.create("Back end", SECRET)
    found = keys.find(key)
    request.getfixturevalue("away")
    assert keys.find(key) is found, "nobody was asked"


def test_guesses_are_not_remembered() -> None:
    for number in range(50):
        assert keys.find(f"sk_guess_{number}") is None
    assert not keys._remembered


def test_demo_keys_open_a_demo_and_nothing_else(settings: Settings) -> None:
    settings.DEBUG = True
    for kind, key in keys.DEMO_KEYS.items():
        keys.create(f"Demo {kind}", kind, key=key)
        assert keys.find(key) is not None
    settings.DEBUG = False
    assert [keys.find(key) for key in keys.DEMO_KEYS.values()] == [None, None]
    api = Api(keys.DEMO_KEYS[SECRET], Client())
    assert api.post("/api/v1/search", {"query": "milk"}, **{"X-Forwarded-Proto": "https"}).status_code == 401


def complaints() -> list[str | None]:
    return [found.id for found in checks.run_checks(tags=[checks.Tags.database], databases=["default"])]


def test_demo_keys_outside_a_demo_are_an_error_of_the_system_check(settings: Settings) -> None:
    keys.create("Back end", SECRET)
    settings.DEBUG = False
    assert "access.E001" not in complaints()
    keys.create("Demo", SECRET, key=keys.DEMO_KEYS[SECRET])
    assert "access.E001" in complaints()
    clients.revoke(ApiClient.objects.filter(name="Demo"), by="tests")
    assert "access.E001" not in complaints()
    ApiKey.objects.update(revoked_at=None)
    settings.DEBUG = True
    assert "access.E001" not in complaints()


def test_the_command_prints_the_key_once_and_alone() -> None:
    out, err = made("Shop front end", "publishable")
    key = out.strip()
    assert out == f"{key}\n"
    assert keys.find(key) is not None
    assert key not in err
    assert "cannot be shown again" in err


def test_the_command_takes_scopes() -> None:
    out, _ = made("Reports", "secret", "--scopes", "events", "recommendations")
    caller = keys.find(out.strip())
    assert caller is not None
    assert caller.scopes == {"events", "recommendations"}


def test_the_command_refuses_a_taken_name_and_an_unknown_scope() -> None:
    made("Shop", "secret")
    with pytest.raises(CommandError, match="'Shop' already"):
        made("Shop", "secret")
    with pytest.raises(CommandError, match="unknown scopes: all"):
        made("Other", "secret", "--scopes", "all")
    assert ApiClient.objects.count() == 1


@pytest.fixture
def away(outage: Outage) -> None:
    """The database is known to be away."""
    outage.begin()


def test_while_the_database_is_away_a_key_that_was_found_works_for_minutes(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    key, other = keys.create("Back end", SECRET), keys.create("Front end", PUBLISHABLE)
    found = keys.find(key)
    monkeypatch.setattr(keys, "CACHE_SECONDS", 0.0)
    request.getfixturevalue("away")
    assert keys.find(key) == found
    with pytest.raises(database.Away):
        keys.find(other)
    monkeypatch.setattr(keys, "AWAY_SECONDS", 0.0)
    with pytest.raises(database.Away):
        keys.find(key)
