"""Every dashboard in a real browser: light, dark, narrow, printed, and by the keyboard alone."""

from collections.abc import Callable

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.utils.module_loading import import_string
from playwright.sync_api import expect
from pytest_django import Settings

from tests.browser import accessibility
from tests.browser.conftest import Visit
from tests.browser.test_admin_pages import signed_in
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH
from tests.staff import busy_shop

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Begin = Callable[..., Visit]
LOOKED_THROUGH = (
    "deletion-requests",
    "privacy-metrics",
    "search-analytics",
    "catalogue",
    "shop-trends",
    "api-clients",
)
DASHBOARDS = [import_string(path).slug for path in configured.DASHBOARDS]
PAGES = {
    "overview": "/admin/",
    **{slug: f"/admin/dashboards/{slug}/" for slug in DASHBOARDS},
    "products": "/admin/catalog/product/?q=lait",
    "rules": "/admin/catalog/merchandisingrule/",
    "brands": "/admin/catalog/brand/",
    "audit": "/admin/access/auditentry/",
}


@pytest.fixture
def shop(settings: Settings) -> None:
    busy_shop.fill(settings)
    User.objects.create_superuser("olive", password="leaf-and-loaf")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_every_page_fits_its_window_and_leaves_the_console_quiet(
    visit: Begin, scheme: str, width: int
) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    wide = []
    for name, path in PAGES.items():
        begun.open(path)
        begun.photograph(f"every-{name}-{scheme}-{width}")
        if begun.overflow() > 0:
            wide.append(name)
    assert wide == []
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_what_is_wrong_is_a_click_from_where_it_is_mended(visit: Begin) -> None:
    begun = signed_in(visit())
    expect(begun.page.get_by_role("heading", name="What is wrong")).to_be_visible()
    begun.page.get_by_role("link", name="Approve ").first.click()
    expect(begun.page.get_by_role("button", name="Approve")).to_be_visible()
    begun.page.go_back()
    begun.page.get_by_role("link", name="Open API clients").or_(
        begun.page.get_by_role("link", name="Revoke Till 1")
    ).first.click()
    expect(begun.page.get_by_role("heading", level=1)).to_be_visible()
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_on_paper_there_is_nothing_to_press(visit: Begin) -> None:
    begun = signed_in(visit(width=800))
    begun.page.emulate_media(media="print")
    for name in ("overview", "deletion-requests", "search-analytics", "privacy-metrics"):
        begun.open(PAGES[name])
        begun.photograph(f"every-{name}-print")
        for pressed in ("#header", "#nav-sidebar", ".choice", "main button"):
            shown = begun.page.locator(pressed).filter(visible=True)
            assert shown.count() == 0, (name, pressed)


@pytest.mark.usefixtures("shop")
def test_the_keyboard_reaches_everything_and_the_focus_is_seen(visit: Begin) -> None:
    begun = signed_in(visit())
    for name in ("overview", "deletion-requests", "api-clients"):
        begun.open(PAGES[name])
        stops = accessibility.tab_through(begun.page)
        assert "skip-to-content-link" in stops[0]["name"]
        unseen = [one["name"] for one in stops if one["tag"] != "BODY" and one["width"] < 1]
        assert unseen == [], name
    begun.open("/admin/")
    begun.page.keyboard.press("Tab")
    begun.page.keyboard.press("Enter")
    assert begun.page.evaluate("document.activeElement.id") == "content-start"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("width", [1440, 320])
def test_axe_finds_nothing_amiss(visit: Begin, width: int) -> None:
    begun = signed_in(visit(width=width))
    found = {}
    for name in ("overview", *LOOKED_THROUGH):
        begun.open(PAGES[name])
        if complaints := accessibility.complaints(begun.page):
            found[name] = complaints
    assert found == {}
