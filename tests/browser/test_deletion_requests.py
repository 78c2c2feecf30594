"""Support's queue of deletion requests, in a real browser under a strict policy."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from privacy import subjects
from privacy.erasure import machine, requests
from privacy.holders import NeedsAttention
from privacy.models import Actor, DeletionRequest, DeletionStep
from tests.browser.conftest import Visit
from tests.browser.windows import SCHEME_AND_WIDTH, TWO
from tests.privacy.shelf import HOLDERS, Shelf

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queue(settings: Settings) -> Iterator[None]:
    """Five people: certified, settling, in need of somebody, cooling off, waiting for approval."""
    settings.DATA_HOLDERS = HOLDERS
    Shelf.clear()
    for number in range(5):
        subject_id = subjects.resolve([f"user-{number}"])[f"user-{number}"]
        Shelf.rows[str(subject_id)] = 12 + number
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    requests.open_for("user-0", Actor.USER, timedelta(0))
    machine.advance_all(until_quiet=True)
    requests.open_for("user-1", Actor.SHOP, timedelta(0))
    Shelf.waits.append(datetime.now(UTC) + timedelta(minutes=31))
    machine.advance_all()
    requests.open_for("user-2", Actor.USER, timedelta(0))
    Shelf.failures.append(NeedsAttention("events/20261121_101500_100-7_events.jsonl, line 3, cannot be read"))
    machine.advance_all()
    requests.open_for("user-3", Actor.USER)
    requests.ask_on_behalf("user-4", "kim", "asked for it by letter on Monday")
    yield
    Shelf.clear()


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, TWO)
def test_support_looks_holds_and_approves(visit: Callable[..., Visit], scheme: str, width: int) -> None:
    begun = visit(width=width, scheme=scheme)
    begun.open("/admin/login/?next=/admin/dashboards/deletion-requests/")
    begun.page.fill("#id_username", "olive")
    begun.page.fill("#id_password", "leaf-and-loaf")
    begun.page.click("input[type=submit]")
    expect(begun.page.get_by_role("heading", name="On their way")).to_be_visible()
    begun.photograph(f"deletions-{scheme}-{width}")
    assert begun.overflow() <= 0
    waiting = DeletionRequest.objects.get(state="received")
    begun.page.get_by_role("link", name=str(waiting.pk)[:8], exact=True).click()
    begun.page.get_by_role("button", name="Approve").click()
    expect(begun.page.get_by_text("Approved. The person is fenced")).to_be_visible()
    stuck = DeletionStep.objects.exclude(needs_attention="").get()
    begun.page.get_by_role("link", name=str(stuck.request_id)[:8], exact=True).click()
    expect(begun.page.get_by_text("line 3, cannot be read")).to_be_visible()
    begun.photograph(f"deletion-{scheme}-{width}")
    assert begun.overflow() <= 0
    begun.page.get_by_text("Legal hold on A shelf").click()
    begun.page.get_by_label("Reason", exact=True).first.fill("court order 7")
    begun.page.get_by_role("button", name="Hold", exact=True).first.click()
    expect(begun.page.get_by_text("rests until it is released")).to_be_visible()
    begun.photograph(f"deletion-held-{scheme}-{width}")
    assert begun.errors == []
