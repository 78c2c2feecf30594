"""What people see past a limit, and past a thief's wrong codes, in a real browser."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from playwright.sync_api import expect
from pytest_django import Settings

from privacy import links
from privacy.models import PrivacyLink
from tests.browser import accessibility
from tests.browser.conftest import Visit
from tests.staff.signing_in.entering import CODE, PASSWORD, code_of, password_shown, set_up, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[..., Visit]
WORDS = {
    "en": ("Please wait a moment", "Load the page again"),
    "fr": ("Un instant, s'il vous plaît", "Recharger la page"),
}


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 1280, "light"), ("fr", 320, "dark")])
def test_a_link_opened_too_often_is_opened_a_moment_later(
    visit: Begin, settings: Settings, language: str, width: int, scheme: str
) -> None:
    settings.DATA_HOLDERS = {"privacy": "privacy.own_holder.PrivacyHolder"}
    settings.THROTTLES = settings.THROTTLES | {"privacy_pages": "address=1/15min"}
    token, _ = links.make("user_1")
    title, again = WORDS[language]
    seen = visit(width=width, scheme=scheme)
    seen.open(f"/privacy/?lang={language}")
    seen.open(f"/privacy/enter/{token}")
    expect(seen.page.get_by_role("heading", name=title)).to_be_visible()
    look(seen, f"too-often-{language}")
    settings.THROTTLES = settings.THROTTLES | {"privacy_pages": "off"}
    seen.page.get_by_role("link", name=again).click()
    seen.page.locator("main button").click()
    expect(seen.page.locator("header form")).to_be_visible()
    assert PrivacyLink.objects.get().used_at is not None
    assert [error for error in seen.errors if "429" not in error] == []


def test_the_owner_of_a_password_is_told_of_wrong_codes(visit: Begin, settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = True
    staff("olive")
    with time_machine.travel(datetime.now().astimezone() - timedelta(minutes=1)):
        secret, _ = set_up(password_shown("olive")[0])
    thief, _ = password_shown("olive", client=Client(REMOTE_ADDR="198.51.100.66"))
    for _ in range(3):
        thief.post(CODE, {"code": "abcdefgh2"})
    seen = visit(width=400)
    seen.open("/admin/")
    seen.page.get_by_label("Username").fill("olive")
    seen.page.get_by_label("Password").fill(PASSWORD)
    seen.page.get_by_role("button", name="Log in").click()
    seen.page.get_by_label("Code", exact=True).fill(code_of(secret))
    seen.page.get_by_role("button", name="Go on").click()
    expect(seen.page.get_by_text("has entered 3 wrong codes")).to_be_visible()
    look(seen, "wrong-codes-told")
    seen.page.get_by_role("link", name="change your password").click()
    expect(seen.page.get_by_role("heading", name="Password change")).to_be_visible()
    assert not seen.errors


def look(seen: Visit, name: str) -> None:
    seen.photograph(name)
    assert seen.overflow() == 0
    assert accessibility.complaints(seen.page) == []
