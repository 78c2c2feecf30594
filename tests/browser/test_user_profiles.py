"""Support looks a person up, in a real browser under a strict policy."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from leafloaf.catalog.models import Brand, Product
from privacy import consent, subjects
from privacy.models import Actor, PersonLookup, StaffAccess
from tests.browser import accessibility
from tests.browser.conftest import Visit
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH
from tests.personalization import grocery
from tests.privacy.entering import path_of
from tests.staff.people.conftest import USER, past

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

__all__ = ["past"]
TABS = {
    "Privacy": "What they allow",
    "Scores": "How it is summed up",
    "Reorder calendar": "The next four weeks",
    "Recommendations": "What they would be shown now",
    "History": "Visit of",
    "Memory": "Relationships",
}


@pytest.fixture
def shopper(transactional_db: None, past: datetime) -> None:
    """Who allows everything, and has had a closer look at some brands."""
    for sku, name in (
        ("apple", "Orchard & Sons"),
        ("oat-drink", "Oatly"),
        ("rye-bread", "Boulangerie du Coin"),
    ):
        Product.objects.filter(sku=sku).update(brand=Brand.objects.create(name=name))
    allowed = {"price_tracking": True, "household_inference": True}
    consent.change(subjects.resolve([USER])[USER], allowed, Actor.USER)  # type: ignore[arg-type]
    grocery.buys("apple", "banana", "cat-food", days_ago=(25, 16, 8), user=USER)
    grocery.buys("oat-drink", "rye-bread", days_ago=(40, 30), user=USER)
    User.objects.create_superuser("olive", password="leaf-and-loaf")


def sign_in(begun: Visit, path: str) -> None:
    begun.open(f"/admin/login/?next={path}")
    begun.page.fill("#id_username", "olive")
    begun.page.fill("#id_password", "leaf-and-loaf")
    begun.page.click("input[type=submit]")


def complaints(page: Page) -> list[str]:
    return [one for one in accessibility.complaints(page) if "region:" not in one]


@pytest.mark.usefixtures("shopper")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_support_looks_a_person_up_and_ends_it(visit: Callable[..., Visit], scheme: str, width: int) -> None:
    begun = visit(width=width, scheme=scheme)
    page = begun.page
    sign_in(begun, "/admin/people/")
    begun.photograph(f"people-find-{scheme}-{width}")
    page.get_by_label("The shop's id of the user").fill("nobody-0815")
    page.get_by_role("combobox", name="Why").select_option("order")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("alert")).to_contain_text("There is nobody of that id here")
    begun.photograph(f"people-nobody-{scheme}-{width}")
    page.get_by_label("The shop's id of the user").fill(USER)
    page.get_by_label("In your words").fill("Bread did not come")
    page.keyboard.press("Enter")
    found: list[tuple[str, str]] = []
    for tab, heading in TABS.items():
        page.get_by_role("navigation", name="Pages of this person").get_by_role("link", name=tab).click()
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
        for details in page.locator("table.scores details").all()[:3]:
            details.locator("summary").click()
        begun.photograph(f"people-{tab.split()[0].lower()}-{scheme}-{width}")
        found += [(tab, said) for said in (*complaints(page), *["too wide"] * (begun.overflow() > 0))]
        assert USER not in page.url
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="The whole visit").first.click()
    expect(page.get_by_role("heading", name="The visit of")).to_be_visible()
    begun.photograph(f"people-visit-{scheme}-{width}")
    assert begun.overflow() <= 0
    assert path_of(page.url).startswith(
        f"/admin/people/{PersonLookup.objects.latest('opened_at').pk}/history/"
    )
    page.get_by_role("button", name="End the look-up").click()
    expect(page.get_by_text("The look-up has ended.")).to_be_visible()
    assert StaffAccess.objects.count() >= len(TABS) + 1
    assert (found, begun.errors) == ([], [])


@pytest.mark.usefixtures("shopper")
def test_it_can_be_done_by_keyboard_and_printed(visit: Callable[..., Visit]) -> None:
    begun = visit()
    page = begun.page
    sign_in(begun, "/admin/people/")
    page.get_by_label("The shop's id of the user").focus()
    page.keyboard.type(USER)
    page.keyboard.press("Tab")
    page.keyboard.type("A")  # more than one letter would have to come within a second
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What they allow")).to_be_visible()
    page.get_by_role("link", name="Reorder calendar").press("Enter")
    expect(page.get_by_role("heading", name="The next four weeks")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="End the look-up")).not_to_be_visible()
    begun.photograph("people-print")
    page.emulate_media(media="screen")
    assert begun.errors == []
