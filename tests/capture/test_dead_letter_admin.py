"""Replaying and discarding dead letters in the admin, and the record that is left of it."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from capture.models import DeadLetter
from leafloaf.access import audit
from leafloaf.access.models import AuditEntry
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db

LETTERS = "/admin/capture/deadletter/"
ENTRIES = "/admin/access/auditentry/"


@pytest.fixture
def letters(settings: Settings) -> list[DeadLetter]:
    settings.SINKS = rows.configured(redis=True, bigquery=True)
    batch = rows.batch("bigquery", 1, datetime.now(UTC))
    found = [rows.dead_letter(batch, f"e-{number}", "no such field") for number in range(3)]
    return [*found, rows.dead_letter(batch, "e-9", "too large", state="discarded")]


def signed_in(*codenames: str) -> Client:
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client(enforce_csrf_checks=False)
    client.force_login(user)
    return client


@pytest.fixture
def olive() -> Client:
    return signed_in("view_deadletter", "change_deadletter")


def chosen(letters: list[DeadLetter], act: str, **answers: str) -> dict[str, object]:
    return {"action": act, "_selected_action": [letter.pk for letter in letters], **answers}


def newest_in(page: bytes) -> str:
    (newest,) = re.findall(rb'name="newest" value="(\d+)"', page)
    return str(newest, "ascii")


def states() -> list[str]:
    return list(DeadLetter.objects.order_by("id").values_list("state", flat=True))


@pytest.mark.parametrize(
    ("act", "state", "action"),
    [("replay", "pending", "replay dead letters"), ("discard", "discarded", "discard dead letters")],
)
def test_it_is_asked_and_counted_before_it_is_done(
    olive: Client, letters: list[DeadLetter], act: str, state: str, action: str
) -> None:
    asked = olive.post(LETTERS, chosen(letters[1:], act, index="0"))
    page = asked.content.decode()
    assert f"{act.capitalize()} 2 dead letters?" in page
    assert "1 more of the selection is not dead any more" in page
    assert "no such field" in page
    assert states() == ["dead", "dead", "dead", "discarded"]

    answers = {"newest": newest_in(asked.content), "because": "mended", "select_across": "0"}
    said = olive.post(LETTERS, chosen(letters[1:], act, **answers), follow=True).content.decode()
    assert "2 dead letters" in said
    assert states() == ["dead", state, state, "discarded"]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("olive", action, "bigquery")
    assert (entry.reason, entry.details) == ("mended", {"count": 2})


def test_discarding_without_a_reason_asks_again(olive: Client, letters: list[DeadLetter]) -> None:
    newest = str(letters[-1].pk)
    asked = olive.post(LETTERS, chosen(letters, "discard", newest=newest, because="  "))
    assert "Say why" in asked.content.decode()
    assert states() == ["dead", "dead", "dead", "discarded"]
    assert not AuditEntry.objects.exists()


def test_all_that_match_a_filter_can_be_meant_but_none_that_died_since_the_question(
    olive: Client, letters: list[DeadLetter]
) -> None:
    address = f"{LETTERS}?sink=bigquery&reason=no+such+field"
    asked = olive.post(address, chosen(letters[:1], "replay", index="0", select_across="1"))
    assert "Replay 3 dead letters?" in asked.content.decode()
    rows.dead_letter(letters[0].batch, "e-10", "no such field")
    answers = {"newest": newest_in(asked.content), "select_across": "1"}
    olive.post(address, chosen(letters[:1], "replay", **answers))
    assert states() == ["pending", "pending", "pending", "discarded", "dead"]


def test_who_may_only_look_finds_no_action_and_is_refused(letters: list[DeadLetter]) -> None:
    visitor = signed_in("view_deadletter")
    assert 'value="discard"' not in visitor.get(LETTERS).content.decode()
    visitor.post(LETTERS, chosen(letters, "discard", newest="999999", because="no"))
    assert states() == ["dead", "dead", "dead", "discarded"]


def test_nothing_is_done_without_the_csrf_token(letters: list[DeadLetter]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("basil"))
    assert strict.post(LETTERS, chosen(letters, "replay", newest="999999")).status_code == 403
    assert states() == ["dead", "dead", "dead", "discarded"]


def test_nothing_on_the_page_is_inline(olive: Client, letters: list[DeadLetter]) -> None:
    page = olive.post(LETTERS, chosen(letters, "discard", index="0")).content.decode()
    assert "style=" not in page
    assert "onclick" not in page


def test_the_audit_can_be_read_and_nothing_else(letters: list[DeadLetter]) -> None:
    audit.record("olive", "pause sink", "redis", reason="a move", batches=7)
    entry = AuditEntry.objects.get()
    admin = Client()
    admin.force_login(User.objects.create_superuser("basil"))
    page = admin.get(ENTRIES).content.decode()
    assert "pause sink" in page
    assert "a move" in page
    assert admin.get(f"{ENTRIES}?q=redis").status_code == 200
    assert admin.get(f"{ENTRIES}{entry.pk}/change/").status_code == 200
    assert admin.get(f"{ENTRIES}add/").status_code == 403
    assert admin.post(f"{ENTRIES}{entry.pk}/change/", {"actor": "nobody"}).status_code == 403
    assert admin.post(f"{ENTRIES}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
