"""A member of staff signs in, sets up the second factor and uses it, in a real browser."""

from base64 import b32decode
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from tests.browser import accessibility
from tests.browser.conftest import Visit
from tests.browser.windows import SCHEME_AND_WIDTH, TWO
from tests.staff.signing_in.entering import code_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[..., Visit]


@pytest.fixture
def asked(settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = True
    User.objects.create_superuser("olive", password="leaf-and-loaf")


def password_shown(visit: Visit) -> None:
    visit.open("/admin/")
    visit.page.get_by_label("Username").fill("olive")
    visit.page.get_by_label("Password").fill("leaf-and-loaf")
    visit.page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize(SCHEME_AND_WIDTH, TWO)
def test_setting_up_and_using_a_second_factor(asked: None, visit: Begin, width: int, scheme: str) -> None:
    seen = visit(width=width, scheme=scheme)
    page = seen.page
    password_shown(seen)
    look(seen, f"second-factor-{scheme}")
    page.get_by_role("button", name="Set it up").click()
    secret = page.locator("code.secret").inner_text()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    look(seen, f"second-factor-begun-{scheme}")
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("not the code")
    expect(page.locator("code.secret")).to_have_count(0)
    page.get_by_label("Code", exact=True).first.fill(code_of(b32decode(secret.replace(" ", ""))))
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    codes = page.locator(".recovery-codes code").all_inner_texts()
    look(seen, f"second-factor-codes-{scheme}")
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{seen.address}/admin/")
    with page.expect_navigation():
        page.get_by_role("button", name="Log out").click()
    password_shown(seen)
    look(seen, f"second-factor-asked-{scheme}")
    page.get_by_label("Code", exact=True).fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(f"{seen.address}/admin/")
    assert not seen.errors


def test_who_guesses_is_told_to_wait(asked: None, visit: Begin) -> None:
    seen = visit(width=400)
    seen.open("/admin/login/")
    for _ in range(5):
        seen.page.get_by_label("Username").fill("olive")
        seen.page.get_by_label("Password").fill("guess")
        with seen.page.expect_navigation():
            seen.page.get_by_role("button", name="Log in").click()
    expect(seen.page.get_by_role("heading", name="Too many attempts")).to_be_visible()
    seen.photograph("locked-out")
    assert seen.overflow() == 0
    assert [error for error in seen.errors if "429" not in error] == []


def look(seen: Visit, name: str) -> None:
    seen.photograph(name)
    assert seen.overflow() == 0
    assert accessibility.complaints(seen.page) == []
