"""Wrong passwords: who is locked out, what they are told, what is kept of it, and who lets them in again."""

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.conf import settings as configured
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from leafloaf.staff.models import FailedSignIn
from leafloaf.staff.signing_in import lock_out
from tests.hashing import OneRound
from tests.staff.signing_in.entering import INDEX, PASSWORD, password_shown, staff

pytestmark = pytest.mark.django_db

LIMIT = configured.AXES_FAILURE_LIMIT
TYPED = "hunter2-in-the-wrong-field"


def fail(name: str, times: int = LIMIT, **meta: Any) -> Any:
    answer = None
    for _ in range(times):
        answer = Client(**meta).post("/admin/login/", {"username": name, "password": "wrong", "next": INDEX})
    return answer


def may_enter(name: str = "rosemary", **meta: Any) -> bool:
    client, answer = password_shown(name, client=Client(**meta))
    return bool(answer.status_code == 302 and client.get(INDEX).status_code == 200)


def test_after_five_wrong_passwords_the_right_one_does_not_help() -> None:
    staff()
    assert fail("rosemary", LIMIT - 1).status_code == 200
    assert may_enter(), "and with it all is forgotten"
    assert fail("rosemary", LIMIT).status_code == 429
    assert not may_enter()


def test_it_is_for_one_name_from_one_address() -> None:
    staff()
    staff("thyme")
    fail("rosemary")
    assert may_enter("thyme")
    assert may_enter("rosemary", REMOTE_ADDR="192.0.2.7")


def test_it_ends_by_itself_and_trying_does_not_prolong_it() -> None:
    staff()
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        fail("rosemary")
        traveller.shift(timedelta(minutes=10))
        assert fail("rosemary", 3).status_code == 429
        traveller.shift(timedelta(minutes=6))
        assert may_enter()


def test_a_name_that_nobody_has_is_answered_the_same() -> None:
    staff()
    for times in (1, LIMIT, LIMIT + 1):
        AccessAttempt.objects.all().delete()
        known, unknown = fail("rosemary", times), fail("nobody-at-all", times)
        assert known.status_code == unknown.status_code
        for answer in (known, unknown):
            assert "rosemary" not in answer.content.decode().replace('value="rosemary"', "")
        if times >= LIMIT:
            assert known.headers["Retry-After"] == unknown.headers["Retry-After"] == "900"
            assert known.content == unknown.content


def test_a_password_is_hashed_whether_or_not_somebody_has_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    staff()
    hashed: list[str] = []
    encode = OneRound.encode

    def noting(self: OneRound, password: str, salt: str, iterations: int | None = None) -> str:
        hashed.append(password)
        return str(encode(self, password, salt, iterations))

    monkeypatch.setattr(OneRound, "encode", noting)
    for name in ("rosemary", "nobody-at-all"):
        hashed.clear()
        fail(name, 1)
        assert hashed == ["wrong"]


def test_the_address_is_the_one_that_a_trusted_proxy_tells(settings: Settings) -> None:
    staff()
    forged: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": "198.51.100.1"}
    fail("rosemary", **forged)
    assert not may_enter(HTTP_X_FORWARDED_FOR="198.51.100.2"), "nobody is believed who is not trusted"
    settings.TRUSTED_PROXIES = 1
    assert may_enter(HTTP_X_FORWARDED_FOR="198.51.100.2")
    fail("rosemary", HTTP_X_FORWARDED_FOR="198.51.100.9, 198.51.100.3")
    assert not may_enter(HTTP_X_FORWARDED_FOR="203.0.113.5, 198.51.100.3")


def test_an_ipv6_client_is_its_network() -> None:
    staff()
    fail("rosemary", REMOTE_ADDR="2001:db8:1:2::1")
    assert not may_enter(REMOTE_ADDR="2001:db8:1:2::ffff")
    assert may_enter(REMOTE_ADDR="2001:db8:1:3::1")


# What is kept


def test_what_was_typed_for_a_name_is_kept_only_when_it_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    staff()
    fail(TYPED)
    fail("rosemary")
    kept = repr(list(AccessAttempt.objects.values()))
    assert TYPED not in kept
    assert "wrong" not in kept
    assert "rosemary" in kept
    for word in (TYPED, "wrong'", "'rosemary", '"rosemary', '"wrong'):
        assert word not in caplog.text


def test_the_first_refusal_is_in_the_audit_and_names_nobody_unknown() -> None:
    staff()
    fail("rosemary", LIMIT + 3)
    fail("nobody-at-all", LIMIT + 3)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("sign-in", "lock out", "rosemary")
    assert entry.details == {"minutes": 15}


def test_what_locks_nobody_out_is_forgotten() -> None:
    staff()
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        fail("rosemary", 2)
        traveller.shift(timedelta(minutes=10))
        fail("nobody-at-all", 2)
        call_command("prune_sign_ins")
        assert AccessAttempt.objects.count() == 2
        traveller.shift(timedelta(minutes=10))
        assert lock_out.prune() == 1
        assert not FailedSignIn.objects.filter(username="rosemary").exists()


# Unlocking


def test_an_operator_unlocks_and_it_is_audited() -> None:
    staff()
    staff("boss")
    fail("rosemary")
    fail("rosemary", REMOTE_ADDR="192.0.2.7")
    client, _ = password_shown("boss")
    address = reverse("admin:staff_failedsignin_changelist")
    said = client.get(address).content.decode()
    assert "rosemary" in said
    chosen = FailedSignIn.objects.get(ip_address="127.0.0.1")
    client.post(address, {"action": "unlock", "_selected_action": [chosen.pk]})
    assert may_enter()
    assert not may_enter(REMOTE_ADDR="192.0.2.7"), "who guesses elsewhere stays out"
    entry = AuditEntry.objects.get(action="unlock sign-in")
    assert (entry.actor, entry.target) == ("boss", "rosemary")


def test_a_password_of_nothing_and_one_of_a_megabyte_are_wrong_ones() -> None:
    staff()
    for password in ("", "x" * 900_000, "\x00", PASSWORD + " "):
        assert password_shown(password=password)[1].status_code == 200


def test_failures_in_several_browsers_count_together_on_the_list_too() -> None:
    operator = staff("olive")
    for number in range(LIMIT):
        fail("rosemary", 1, HTTP_USER_AGENT=f"Browser {number}")
    assert not may_enter()
    client = Client()
    client.force_login(operator)
    page = client.get(reverse("admin:staff_failedsignin_changelist")).content.decode()
    assert page.count('alt="True"') == LIMIT
    assert page.count('alt="False"') == 0


def test_a_row_has_no_page_that_shows_all_of_it() -> None:
    operator = staff("olive")
    fail("rosemary", 1)
    client = Client()
    client.force_login(operator)
    row = FailedSignIn.objects.get()
    assert client.get(reverse("admin:staff_failedsignin_change", args=[row.pk])).status_code in {302, 403}
