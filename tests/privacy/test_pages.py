"""The person's pages, as their browser gets them."""

import re
import string
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from privacy import consent, exporting, words
from privacy.consent import Consent
from privacy.models import (
    Actor,
    ConsentRecord,
    DataExport,
    DeletionRequest,
    DeletionStep,
    StaffAccess,
    Subject,
)
from tests.privacy.entering import HOME, signed_in
from tests.privacy.pages import DELETION, PAGES, SENT, ask, said, subject

STATES = DeletionRequest.State
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("only_postgres")]


# Every page


@pytest.mark.parametrize("path", PAGES)
def test_nobody_keeps_frames_or_scripts_a_page(path: str) -> None:
    answer = signed_in().get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"):
        assert rule in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_neither_script_nor_style_of_its_own(path: str) -> None:
    body = said(signed_in(), path)
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", body)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_never_says_which_user_it_is_of(path: str) -> None:
    client = signed_in()
    body = said(client, path)
    assert "user_1" not in body
    assert str(subject().pk) not in body


@pytest.mark.parametrize("path", PAGES[1:])
def test_who_is_not_signed_in_is_told_how_to_get_in(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"] == HOME
    assert "Follow the link to this page" in said(client, path)
    assert client.post(path).status_code in {403, 405}


def test_without_a_session_the_front_page_is_a_page_and_no_error(client: Client) -> None:
    answer = client.get(HOME)
    assert answer.status_code == 200
    assert b"You are not signed in here" in answer.content


def test_an_address_that_is_none_is_a_page_too(client: Client) -> None:
    answer = client.get("/privacy/nowhere")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_form_without_its_secret_is_refused_in_the_persons_language() -> None:
    client = signed_in(client=Client(enforce_csrf_checks=False))
    client.handler.enforce_csrf_checks = True
    answer = client.post("/privacy/settings", {"data_retention_days": "30"})
    assert answer.status_code == 403
    assert b"This form cannot be accepted" in answer.content
    assert not ConsentRecord.objects.exists()


def test_the_refusal_of_the_admins_forms_is_djangos(admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert b"CSRF verification failed" in client.post("/admin/login/").content


# Languages


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en-CA,fr;q=0.9", "en"),
        ("de,fr;q=0.5,en;q=0.4", "fr"),
        ("de", "en"),
        ("*", "en"),
        ("\x00", "en"),
        ("fr" * 4000, "en"),
    ],
)
def test_a_page_is_in_the_language_that_the_browser_asks_for(
    client: Client, accepted: str, language: str
) -> None:
    assert f'<html lang="{language}">' in said(client, **{"Accept-Language": accepted})


def test_the_switch_is_remembered(client: Client) -> None:
    assert '<html lang="en">' in said(client)
    assert '<html lang="fr">' in said(client, f"{HOME}?lang=fr")
    assert '<html lang="fr">' in said(client)
    assert '<html lang="en">' in said(client, f"{HOME}?lang=en")
    assert '<html lang="en">' in said(client, **{"Accept-Language": "fr"})
    assert '<html lang="en">' in said(client, f"{HOME}?lang=xx")


def test_both_languages_say_the_same_things_with_the_same_gaps() -> None:
    def gaps(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence)} - {None}

    english, french = words.WORDS["en"], words.WORDS["fr"]
    assert list(english) == list(french)
    for key, sentence in english.items():
        assert gaps(sentence) == gaps(french[key]), key


def test_every_state_has_its_sentence() -> None:
    for language in words.WORDS.values():
        assert {f"request.{state}" for state in STATES} <= set(language)
        assert {f"step.{state}" for state in DeletionStep.State} <= set(language)
        assert {f"export.{state}" for state in DataExport.State} <= set(language)
        assert {f"by.{actor}" for actor in Actor} <= set(language)
        assert {f"settings.{name}" for name in consent.PURPOSES} <= set(language)
        assert {f"effect.{name}" for name in consent.PURPOSES} <= set(language)


def test_a_time_is_in_words_and_for_machines() -> None:
    at = datetime(2026, 2, 3, 15, 4, 5, tzinfo=UTC)
    assert (
        words.moment("en", at) == '<time datetime="2026-02-03T15:04:05+00:00">3 February 2026, 10:04</time>'
    )
    assert (
        words.moment("fr", at) == '<time datetime="2026-02-03T15:04:05+00:00">3 février 2026, 10 h 04</time>'
    )


def test_numbers_and_plurals_are_those_of_the_language() -> None:
    assert words.say("en", "number", number=12345) == "12,345"
    assert words.say("fr", "number", number=12345) == "12\xa0345"
    assert [words.say("en", "wait", n=n) for n in (1, 2)] == ["1 day", "2 days"]
    assert [words.say("fr", "wait", n=n) for n in (0, 1, 2)] == ["0 jour", "1 jour", "2 jours"]


def test_what_is_put_into_a_sentence_is_no_markup() -> None:
    assert words.say("en", "export.size", size="<b>") == "Size: &lt;b&gt;"


# Settings


def test_settings_are_shown_as_they_are_with_their_words() -> None:
    body = said(signed_in(), "/privacy/settings")
    assert "Keep what I search for." in body
    assert 'value="90"' in body
    checked = re.findall(r'<input type="checkbox" name="(\w+)"[^>]* checked>', body)
    assert checked == ["personalization_enabled", "search_history", "purchase_history"]
    assert "Conserver mes recherches." in said(signed_in(), "/privacy/settings?lang=fr")


def test_settings_are_saved_confirmed_once_and_recorded_as_the_persons() -> None:
    client = signed_in()
    answer = client.post("/privacy/settings", SENT, follow=True)
    assert answer.redirect_chain == [("/privacy/settings", 302)]
    assert b"Saved. Your settings are in force now." in answer.content
    assert consent.of(subject().pk) == Consent(data_retention_days=30, search_history=False)
    assert set(ConsentRecord.objects.values_list("actor", flat=True)) == {Actor.USER}
    assert "Saved." not in said(client, "/privacy/settings")
    assert b"Nothing was changed" in client.post("/privacy/settings", SENT, follow=True).content


@pytest.mark.parametrize("days", ["", "0", "91", "-1", "1.5", "a", "9" * 400, "\x00"])
def test_a_number_of_days_that_is_none_is_pointed_at(days: str) -> None:
    client = signed_in()
    answer = client.post("/privacy/settings", SENT | {"data_retention_days": days})
    body = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error: " in body
    assert '<a href="#id_data_retention_days">Days: give a whole number from 1 to 90.</a>' in body
    assert 'aria-invalid="true"' in body
    assert consent.of(subject().pk) == consent.DEFAULTS


def test_global_privacy_control_is_shown() -> None:
    client = signed_in()
    for path in (HOME, "/privacy/settings"):
        assert "Your browser says" in said(client, path, **{"Sec-GPC": "1"})
        assert "Your browser says" not in said(client, path)


def test_choices_are_listed_newest_first_with_their_words() -> None:
    client = signed_in()
    assert "You have not changed your settings yet" in said(client, "/privacy/choices")
    consent.change(subject().pk, {"search_history": False}, Actor.SHOP)
    consent.change(subject().pk, {"data_retention_days": 7}, Actor.USER)
    body = said(client, "/privacy/choices")
    assert body.index("Keep what I do here") < body.index("Keep what I search for.")
    for shown in (
        "<dd>90</dd>",
        "<dd>7</dd>",
        "<dd>Yes</dd>",
        "<dd>No</dd>",
        "The shop, for you",
        "<dd>You</dd>",
    ):
        assert shown in body
    assert "2 changes of your settings" in said(client)


def test_who_looked_is_shown_by_role_and_never_by_name() -> None:
    client = signed_in()
    assert "Nobody of the staff has looked" in said(client, "/privacy/accesses")
    olive = User.objects.create_user("olive")
    olive.groups.add(Group.objects.get_or_create(name="Support")[0])
    User.objects.create_user("basil")
    for actor in ("olive", "basil", "gone"):
        StaffAccess.objects.create(
            subject_id=subject().pk, actor=actor, page="Profile", reason=f"Asked <why> by {len(actor)}"
        )
    body = said(client, "/privacy/accesses")
    assert "<dd>Support</dd>" in body
    assert body.count("<dd>A member of staff</dd>") == 2
    assert "Asked &lt;why&gt; by 5" in body
    for name in ("olive", "basil", "gone"):
        assert name not in body
    assert "Staff looked at your data 3 times" in said(client)


def test_nobody_elses_looks_or_choices_are_shown() -> None:
    client = signed_in()
    signed_in("user_2")
    other = Subject.objects.get(user_id="user_2")
    StaffAccess.objects.create(subject_id=other.pk, actor="olive", page="Profile", reason="Another case")
    consent.change(other.pk, {"search_history": False}, Actor.SHOP)
    assert "Another case" not in said(client, "/privacy/accesses")
    assert "You have not changed" in said(client, "/privacy/choices")


# Export


def test_an_export_is_asked_for_followed_and_taken_once() -> None:
    client = signed_in()
    assert "Ask for my data" in said(client, "/privacy/export")
    answer = client.post("/privacy/export", follow=True)
    assert b"Your file is being made." in answer.content
    exporting.make_due()
    body = said(client, "/privacy/export")
    assert "Your file is ready. It can be downloaded once" in body
    action = re.findall(r'action="(/privacy/export/[^"]+)"', body)[0]
    assert client.get(action).status_code == 302  # a browser that looks ahead takes nothing
    taken = client.post(action)
    assert taken.headers["Content-Type"] == "application/zip"
    assert taken.headers["Cache-Control"] == "no-store"
    assert taken.getvalue().startswith(b"PK")
    assert b"cannot be downloaded any more" in client.post(action, follow=True).content
    assert "You downloaded your file on" in said(client, "/privacy/export")
    assert "Ask for a new copy" in said(client, "/privacy/export")


def test_nobody_elses_export_is_given_away() -> None:
    signed_in("user_2")
    exporting.ask("user_2")
    exporting.make_due()
    theirs = DataExport.objects.get()
    client = signed_in()
    assert client.post(f"/privacy/export/{theirs.pk}").status_code == 302
    theirs.refresh_from_db()
    assert theirs.state == DataExport.State.READY


class Ids(HTMLParser):
    """Collects ids and what refers to them."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.wanted: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"for", "aria-labelledby", "aria-describedby"}:
                self.wanted |= set((value or "").split())


@pytest.mark.parametrize("path", PAGES)
def test_ids_are_unique_and_what_refers_to_them_finds_them(path: str) -> None:
    seen = Ids()
    seen.feed(said(signed_in(), path))
    assert len(seen.ids) == len(set(seen.ids))
    assert seen.wanted <= set(seen.ids)


@pytest.mark.parametrize("when", ["2026-03-08T07:30:00+00:00", "2026-11-01T05:30:00+00:00"])
def test_pages_stand_the_hours_that_do_not_exist_or_exist_twice(when: str) -> None:
    with time_machine.travel(datetime.fromisoformat(when), tick=False):
        client = signed_in()
        ask(client)
        assert "until then you can call it off" in said(client, DELETION)
