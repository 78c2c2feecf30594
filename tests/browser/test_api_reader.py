"""The page that shows the API: drawn by scripts of our own under a policy that lets nothing inline run."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.openapi import api
from tests.browser.conftest import Visit
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[..., Visit]


def opened(visit: Visit) -> Page:
    visit.open("/docs/")
    expect(visit.page.locator(".opblock").first).to_be_visible(timeout=30_000)
    return visit.page


@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_it_shows_every_operation_without_a_complaint(visit: Begin, width: int, scheme: str) -> None:
    seen = visit(width=width, scheme=scheme)
    page = opened(seen)
    described = json.loads(api.document())["paths"].values()
    expect(page.locator(".opblock")).to_have_count(sum(map(len, described)))
    seen.photograph(f"api-{scheme}-{width}")
    page.locator("#operations-Search-search button.opblock-summary-control").click()
    expect(page.locator("#operations-Search-search .opblock-body")).to_be_visible()
    page.wait_for_timeout(300)
    seen.photograph(f"api-search-{scheme}-{width}")
    assert seen.overflow() <= 0
    assert seen.errors == []


def test_its_policy_lets_nothing_inline_run(visit: Begin) -> None:
    seen = visit()
    answer = seen.page.goto(f"{seen.address}/docs/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy


def test_a_search_is_tried_with_a_key_by_keyboard_alone(visit: Begin) -> None:
    seen = visit()
    page = opened(seen)
    key = keys.create("Reader", ApiClient.Kind.SECRET)
    page.locator(".btn.authorize").press("Enter")
    field = page.locator("#http-bearer-value, .auth-container input").nth(1)
    field.fill(key)
    page.locator(".auth-btn-wrapper .authorize").nth(1).press("Enter")
    page.locator(".btn-done").first.press("Enter")
    operation = page.locator("#operations-Search-search")
    operation.locator("button.opblock-summary-control").press("Enter")
    operation.locator(".try-out__btn").press("Enter")
    operation.locator(".execute").press("Enter")
    expect(operation.locator(".live-responses-table .response .response-col_status")).to_have_text(
        re.compile("200")
    )
    assert seen.errors == []
