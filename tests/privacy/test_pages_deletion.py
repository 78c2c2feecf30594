"""Being erased, as a person sees it on their pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from privacy import links, subjects, words
from privacy.erasure import machine, requests
from privacy.models import (
    Actor,
    Certificate,
    ConsentRecord,
    DeletionRequest,
    DeletionStep,
    PrivacyLink,
    Subject,
)
from privacy.pages import sessions
from tests.privacy.entering import session_of, signed_in
from tests.privacy.pages import DELETION, PAGES, SENT, ask, said, subject

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("only_postgres")]
STATES = DeletionRequest.State


def test_what_happens_is_said_before_it_is_asked_for() -> None:
    body = said(signed_in(), DELETION)
    assert "72 hours at most" in body
    assert '<option value="1" selected>1 day</option>' in body
    assert '<option value="7">7 days</option>' in body


def test_nothing_happens_without_the_tick() -> None:
    client = signed_in()
    answer = client.post(DELETION, {"wait": "8"})
    body = answer.content.decode()
    assert answer.status_code == 422
    assert '<a href="#id_wait">' in body
    assert '<a href="#id_sure">Tick the box' in body
    assert not DeletionRequest.objects.exists()
    assert subject().state == Subject.State.ACTIVE


@pytest.mark.parametrize("days", [0, 1, 7])
def test_the_time_to_change_ones_mind_is_as_chosen(days: int) -> None:
    answer = ask(signed_in(), days)
    assert b"Your wish is on record." in answer.content
    request = DeletionRequest.objects.get()
    assert request.purge_at is not None
    assert request.fenced_at is not None
    assert request.purge_at - request.fenced_at == timedelta(days=days)
    assert request.actor == Actor.USER
    assert subject().state == Subject.State.FENCED


def test_who_is_being_erased_sees_that_and_nothing_else() -> None:
    client = signed_in()
    ask(client)
    for path in PAGES:
        body = said(client, path)
        assert "Your deletion request" in body
        assert "until then you can call it off" in body
        assert "Pages" not in body
    assert client.post("/privacy/settings", SENT).headers["Location"] == DELETION
    assert client.post("/privacy/export").headers["Location"] == DELETION
    assert not ConsentRecord.objects.exists()
    again = signed_in()
    assert "Your deletion request" in said(again)


def test_calling_it_off_brings_everything_back() -> None:
    client = signed_in()
    ask(client)
    body = client.post("/privacy/deletion/cancel", follow=True).content.decode()
    assert "Called off. Everything is as it was." in body
    assert "This request was called off on" in body
    assert "Change your settings" in said(client)
    assert subject().state == Subject.State.ACTIVE
    assert set(session_of(client).keys()) == {"entry", "_session_expiry"}


def test_the_wait_can_be_skipped_but_not_by_a_link() -> None:
    client = signed_in()
    ask(client, 7)
    assert client.get("/privacy/deletion/expedite").headers["Location"] == DELETION
    request = DeletionRequest.objects.get()
    assert request.purge_at is not None
    assert request.purge_at > timezone.now()
    body = client.post("/privacy/deletion/expedite", follow=True).content.decode()
    assert "The erasure begins." in body
    request.refresh_from_db()
    assert request.purge_at <= timezone.now()


def test_what_is_too_late_is_said_to_be() -> None:
    client = signed_in()
    ask(client)
    DeletionRequest.objects.update(state=STATES.PURGING)
    for act in ("cancel", "expedite"):
        body = client.post(f"/privacy/deletion/{act}", follow=True).content.decode()
        assert "That is not possible any more" in body
        assert "Call it off" not in body


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("state", list(STATES))
def test_every_state_is_told_in_both_languages(state: STATES, language: str) -> None:
    client = signed_in(client=Client(headers={"Accept-Language": language}))
    ask(client)
    DeletionRequest.objects.update(state=state, ended_at=timezone.now() if state.is_terminal else None)
    if state == STATES.CANCELLED:
        Subject.objects.update(state=Subject.State.ACTIVE)
    sentence = words.WORDS[language][f"request.{state}"].split("{")[0]
    body = said(client, DELETION)
    assert sentence.replace("'", "&#x27;") in body or sentence in body
    assert f'<html lang="{language}">' in body


def test_progress_is_told_store_by_store_without_what_staff_are_told() -> None:
    client = signed_in()
    ask(client)
    request = DeletionRequest.objects.get()
    now = timezone.now()
    steps: list[tuple[str, str, dict[str, Any]]] = [
        (
            "events",
            "postgres",
            {"state": "absent", "planned": 12345, "purged_at": now, "verified_at": now},
        ),
        ("redis", "redis", {"state": "purging", "needs_attention": "Key 7 cannot be parsed"}),
        ("bigquery", "bigquery", {"state": "settling", "residual_until": now + timedelta(days=7)}),
        (
            "cloud_storage",
            "cloud_storage",
            {"held_at": now, "held_reason": "Case 4711", "held_by": "olive"},
        ),
    ]
    request.steps.all().delete()
    for number, (holder, store, fields) in enumerate(steps):
        DeletionStep.objects.create(request=request, holder=holder, store=store, phase=number, **fields)
    DeletionRequest.objects.update(
        state=STATES.PURGING, question="Row 5 of 6?", created_at=now - timedelta(days=9)
    )
    DeletionRequest.objects.update(purge_at=now - timedelta(days=8))
    body = said(client, DELETION)
    for shown in (
        "The shop&#x27;s database",
        "12,345",
        "Read again: nothing left",
        "Waiting for the place to finish",
        "A legal hold",
        "Until this date the maker",
        "A member of staff has to look at something",
        "This takes longer than the 72 hours promised",
    ):
        assert shown in body or shown.replace("&#x27;", "'") in body, shown
    for hidden in ("Key 7", "Case 4711", "olive", "Row 5"):
        assert hidden not in body


def erased(client: Client) -> DeletionRequest:
    """After everything was done; the link that was used is gone too."""
    ask(client, 0)
    machine.advance_all(until_quiet=True)
    asked = DeletionRequest.objects.get(state=STATES.PURGING)
    assert "A member of staff has to look" in said(client)  # who never did anything is asked about
    requests.let_go_on(asked.pk, "olive")
    machine.advance_all(until_quiet=True)
    return DeletionRequest.objects.get(state=STATES.CERTIFIED)


@pytest.mark.django_db(transaction=True)
def test_who_was_erased_sees_the_certificate_and_is_not_made_known_again() -> None:
    client = signed_in()
    request = erased(client)
    for browser in (client, signed_in()):
        for path in PAGES:
            body = said(browser, path)
            assert "Everything about you was erased." in body
            assert "Change your settings" not in body
        answer = browser.get(f"/privacy/deletion/certificates/{request.pk}")
        assert answer.headers["Content-Disposition"].endswith(f'certificate-{request.pk}.json"')
        assert answer.json()["certificate"]["id"] == str(request.pk)
        assert browser.post("/privacy/deletion/cancel", follow=True).status_code == 200
        assert ask(browser).status_code == 200
    assert not Subject.objects.exists()
    assert DeletionRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_came_back_has_pages_again_and_the_certificate_of_then() -> None:
    request = erased(signed_in())
    subjects.resolve(["user_1"])
    client = signed_in()
    assert "Change your settings" in said(client)
    assert str(request.pk) in said(client, DELETION)
    assert client.get(f"/privacy/deletion/certificates/{request.pk}").json()["kid"]


@pytest.mark.django_db(transaction=True)
def test_nobody_elses_certificate_is_given_away() -> None:
    request = erased(signed_in())
    other = signed_in("user_2")
    assert Certificate.objects.get().pk == request.pk
    assert other.get(f"/privacy/deletion/certificates/{request.pk}").headers["Location"] == DELETION
    ask(other)
    assert other.get(f"/privacy/deletion/certificates/{request.pk}").headers["Location"] == DELETION


def test_a_request_of_staff_is_told_and_may_be_called_off() -> None:
    client = signed_in()
    requests.ask_on_behalf("user_1", "olive", "By letter")
    body = said(client, DELETION)
    assert "Staff of the shop asked for your erasure" in body
    assert "olive" not in body
    assert "By letter" not in body
    assert "Follow your deletion request" in said(client)
    client.post("/privacy/deletion/cancel")
    assert "Have everything about you erased" in said(client)


def test_a_session_whose_person_is_gone_without_a_trace_is_closed() -> None:
    client = signed_in()
    PrivacyLink.objects.all().delete()
    assert "You are not signed in here" in said(client)
    assert client.cookies[sessions.COOKIE].value == ""


def test_a_link_made_before_the_erasure_leads_to_it() -> None:
    client = signed_in()
    token, _ = links.make("user_1")
    ask(client)
    late = Client()
    late.post(f"/privacy/enter/{token}")
    assert "Your deletion request" in said(late)
