"""A client's keys over time: rotated with overlap, ended, revoked, noted when used; every act in the audit."""

import io
import time
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from leafloaf.access import clients, keys
from leafloaf.access.models import ApiClient, ApiKey, AuditEntry
from leafloaf.lib import database
from tests.outage import Outage

pytestmark = pytest.mark.django_db

SECRET, PUBLISHABLE = ApiClient.Kind.SECRET, ApiClient.Kind.PUBLISHABLE
WEEK = timedelta(days=7)


def shop() -> tuple[ApiClient, str]:
    key = keys.create("Shop", SECRET)
    return ApiClient.objects.get(name="Shop"), key


def works(key: str) -> bool:
    keys.forget()
    return keys.find(key) is not None


def run(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


# Rotation


def test_a_new_key_works_beside_the_old_one_for_a_week() -> None:
    client, old = shop()
    before = timezone.now()
    new = clients.rotate(client, by="olive")
    assert new != old
    assert new.startswith("sk_")
    assert [works(old), works(new)] == [True, True]
    assert keys.find(old) == keys.find(new)
    ends = ApiKey.objects.get(lookup=old[: keys.LOOKUP_LENGTH]).expires_at
    assert ends is not None
    assert before + WEEK <= ends <= timezone.now() + WEEK
    assert ApiKey.objects.get(lookup=new[: keys.LOOKUP_LENGTH]).expires_at is None


def test_after_the_overlap_only_the_new_key_works() -> None:
    client, old = shop()
    new = clients.rotate(client, by="olive")
    ApiKey.objects.exclude(expires_at=None).update(expires_at=timezone.now())
    assert [works(old), works(new)] == [False, True]


def test_without_overlap_the_old_key_is_refused_at_once() -> None:
    client, old = shop()
    new = clients.rotate(client, by="olive", overlap=timedelta(0))
    assert [works(old), works(new)] == [False, True]


def test_a_key_that_ends_sooner_by_itself_still_does() -> None:
    client, first = shop()
    clients.rotate(client, by="olive", overlap=timedelta(hours=1))
    soon = ApiKey.objects.get(lookup=first[: keys.LOOKUP_LENGTH]).expires_at
    clients.rotate(client, by="olive", overlap=timedelta(days=30))
    assert ApiKey.objects.get(lookup=first[: keys.LOOKUP_LENGTH]).expires_at == soon


def test_rotating_again_without_overlap_ends_all_keys_before() -> None:
    client, first = shop()
    second = clients.rotate(client, by="olive")
    third = clients.rotate(client, by="olive", overlap=timedelta(0))
    assert [works(key) for key in (first, second, third)] == [False, False, True]


def test_a_revoked_client_gets_no_new_key() -> None:
    client, _ = shop()
    clients.revoke([client], by="olive")
    with pytest.raises(clients.Revoked, match="for good"):
        clients.rotate(client, by="olive")


# Expiry


def test_a_key_ends_on_the_instant_although_it_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHE_SECONDS", 3600.0)
    ends = timezone.now() + timedelta(minutes=1)
    key = keys.create("Shop", SECRET, expires_at=ends)
    assert keys.find(key) is not None
    with time_machine.travel(ends):
        assert keys.find(key) is None


def test_a_key_that_has_ended_is_not_believed_while_the_database_is_away(
    outage: Outage,
) -> None:
    ends = timezone.now() + timedelta(minutes=1)
    key = keys.create("Shop", SECRET, expires_at=ends)
    assert keys.find(key) is not None
    outage.begin()
    with time_machine.travel(ends), pytest.raises(database.Away):
        keys.find(key)


# Revoking


@pytest.mark.django_db(transaction=True)
def test_a_process_that_does_not_know_follows_within_a_second() -> None:
    """The revoking happens behind its back, as another process would do it."""
    client, key = shop()
    refused_at: list[float] = []

    def call_on() -> None:
        try:
            while keys.find(key):
                time.sleep(0.01)
            refused_at.append(time.monotonic())
        finally:
            connection.close()

    assert keys.find(key) is not None
    calling = Thread(target=call_on)
    calling.start()
    time.sleep(0.3)
    revoking_at = time.monotonic()
    ApiKey.objects.filter(client=client).update(revoked_at=timezone.now())
    calling.join(timeout=30)
    assert refused_at
    assert keys.CACHE_SECONDS == 1.0
    assert refused_at[0] >= revoking_at


def test_one_key_is_revoked_and_the_other_works_on() -> None:
    client, old = shop()
    new = clients.rotate(client, by="olive")
    assert clients.revoke_key(client.keys.get(lookup=old[: keys.LOOKUP_LENGTH]), by="olive")
    assert not clients.revoke_key(client.keys.get(lookup=old[: keys.LOOKUP_LENGTH]), by="olive")
    assert [works(old), works(new)] == [False, True]


def test_a_client_is_revoked_with_all_its_keys() -> None:
    client, old = shop()
    new = clients.rotate(client, by="olive")
    assert clients.revoke([client], by="olive") == 1
    assert clients.revoke([client], by="olive") == 0
    assert [works(old), works(new)] == [False, False]
    assert not ApiKey.objects.filter(revoked_at=None).exists()


# Use


def test_when_a_key_was_last_used_is_known_to_ten_minutes() -> None:
    client, key = shop()
    used = client.keys.get
    assert used().last_used_at is None
    assert works(key)
    first = used().last_used_at
    assert first is not None
    assert works(key)
    assert used().last_used_at == first
    client.keys.update(last_used_at=first - timedelta(minutes=11))
    assert works(key)
    again = used().last_used_at
    assert again is not None
    assert again >= first


def test_a_guess_uses_nothing() -> None:
    client, key = shop()
    assert not works(key[:-1] + "!")
    assert not clients.is_used(client)


# Scopes and origins


def test_other_scopes_are_in_force_and_in_the_audit() -> None:
    client, key = shop()
    assert clients.change(client, scopes=["search"], origins=[], by="olive")
    assert not clients.change(client, scopes=["search"], origins=[], by="olive")
    assert works(key)
    caller = keys.find(key)
    assert caller is not None
    assert caller.scopes == {"search"}
    entry = AuditEntry.objects.get(action="change API client")
    assert (entry.actor, entry.target) == ("olive", "Shop")
    assert entry.details["after"] == {"scopes": ["search"], "origins": []}
    assert entry.details["before"] == {"scopes": sorted(keys.SCOPES), "origins": []}


# The audit


def test_every_act_is_in_the_audit_with_the_beginning_of_the_key_and_no_more() -> None:
    client, old = shop()
    new = clients.rotate(client, by="olive")
    clients.revoke_key(client.keys.get(lookup=old[: keys.LOOKUP_LENGTH]), by="olive")
    clients.revoke([client], by="olive")
    entries = list(AuditEntry.objects.order_by("id"))
    assert [(entry.actor, entry.action, entry.target) for entry in entries] == [
        ("create_api_client", "add API client", "Shop"),
        ("olive", "rotate API key", "Shop"),
        ("olive", "revoke API key", "Shop"),
        ("olive", "revoke API client", "Shop"),
    ]
    assert entries[1].details["key"] == new[: keys.LOOKUP_LENGTH]
    assert list(entries[1].details["ending"]) == [old[: keys.LOOKUP_LENGTH]]
    kept = str(list(AuditEntry.objects.values()))
    assert old not in kept
    assert new not in kept


# The commands


def test_the_command_rotates_and_prints_the_new_key_alone() -> None:
    _, old = shop()
    new = run("rotate_api_key", "Shop")
    assert [works(old), works(new)] == [True, True]
    newest = run("rotate_api_key", "Shop", "--overlap", "now", "--ends-on", "2999-01-31")
    assert [works(key) for key in (old, new, newest)] == [False, False, True]
    ends = ApiKey.objects.get(lookup=newest[: keys.LOOKUP_LENGTH]).expires_at
    assert ends == datetime(2999, 1, 31, tzinfo=UTC)
    assert (
        list(AuditEntry.objects.values_list("actor", flat=True).order_by("id")[1:]) == ["rotate_api_key"] * 2
    )


@pytest.mark.parametrize(("text", "hours"), [("90m", 1.5), ("12h", 12), ("14d", 14 * 24)])
def test_the_command_takes_another_overlap(text: str, hours: float) -> None:
    client, _ = shop()
    run("rotate_api_key", "Shop", "--overlap", text)
    ends = client.keys.exclude(expires_at=None).get().expires_at
    assert ends is not None
    assert abs(ends - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)


def test_the_command_revokes_one_key_or_the_client() -> None:
    _, old = shop()
    new = run("rotate_api_key", "Shop")
    assert "is revoked" in run("revoke_api_key", "Shop", "--key", old[: keys.LOOKUP_LENGTH])
    assert [works(old), works(new)] == [False, True]
    assert run("revoke_api_key", "Shop") == "Shop is revoked."
    assert not works(new)
    assert run("revoke_api_key", "Shop") == "Shop was revoked already."
    entries = AuditEntry.objects.filter(actor="revoke_api_key").order_by("id")
    assert [entry.action for entry in entries] == ["revoke API key", "revoke API client"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["rotate_api_key", "Nobody"], "no API client named 'Nobody'"),
        (["revoke_api_key", "Nobody"], "no API client named 'Nobody'"),
        (["revoke_api_key", "Shop", "--key", "sk_guess"], "no working key that begins with 'sk_guess'"),
        (["rotate_api_key", "Shop", "--overlap", "a week"], "none of now, 90m, 12h, 7d"),
        (["rotate_api_key", "Shop", "--overlap", "99999d"], "none of now"),
        (["rotate_api_key", "Shop", "--ends-on", "2020-01-31"], "has begun already"),
        (["rotate_api_key", "Shop", "--ends-on", "soon"], "no day"),
        (["create_api_client", "New", "--kind", "secret", "--origins", "https://shop.example"], "on no page"),
        (["create_api_client", "New", "--kind", "publishable", "--origins", "shop.example"], "no web origin"),
    ],
)
def test_the_commands_say_what_is_wrong(arguments: list[str], why: str) -> None:
    _, key = shop()
    with pytest.raises(CommandError, match=why):
        run(*arguments)
    assert works(key)
    assert ApiKey.objects.count() == 1


def test_a_revoked_client_is_not_rotated_by_the_command() -> None:
    shop()
    run("revoke_api_key", "Shop")
    with pytest.raises(CommandError, match="for good"):
        run("rotate_api_key", "Shop")


def test_the_command_makes_a_key_that_ends() -> None:
    key = run("create_api_client", "Shop", "--kind", "publishable", "--ends-on", "2999-01-31")
    assert works(key)
    assert ApiKey.objects.get().expires_at == datetime(2999, 1, 31, tzinfo=UTC)
