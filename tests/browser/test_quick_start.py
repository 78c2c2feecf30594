"""The page of docs/front-end.md, exactly as it is, with its server: what is put into the cart changes the search."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from playwright.sync_api import expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from capture.models import Event
from leafloaf.stack import ports
from leafloaf.stack.services import answers
from tests.browser import accessibility
from tests.browser.conftest import Visit
from tests.config import application

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]
EXAMPLES = Path(django_settings.BASE_DIR) / "docs" / "examples"


@pytest.fixture
def demo(settings: Settings, live_server: LiveServer) -> str:
    """LeafLoaf with the demo shop, as `make run` has it; its address."""
    settings.DEBUG = True
    call_command("load_demo")
    return live_server.url.replace("localhost", "127.0.0.1")


@pytest.fixture
def shop(demo: str, tmp_path: Path) -> Iterator[str]:
    port, log = ports.any_free(), tmp_path / "shop.log"
    variables = os.environ | {"LEAFLOAF": demo, "PORT": str(port), "PYTHONWARNINGS": ""}
    process = application.begun([str(EXAMPLES / "shop.py")], variables, log)
    try:
        application.wait_for(lambda: answers(port, "/"), "the shop", log, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        application.stopped(process)


def test_a_cart_changes_the_search(shop: str, visit: Callable[..., Visit]) -> None:
    seen = visit(width=1000, height=1000)
    page = seen.page
    page.goto(shop)
    names = page.locator("#results a")
    expect(names).to_have_count(8)
    before = names.all_inner_texts()
    assert page.locator("#results small").all_inner_texts() == [""] * 8
    assert page.locator("#recommended li").count() == 0
    seen.photograph("quick-start-before")
    page.get_by_label("Show me what suits me").check()
    names.nth(5).click()
    page.locator("#results button").nth(5).click()
    expect(page.locator("#results small", has_text="You showed an interest in this")).to_have_count(1)
    seen.photograph("quick-start-after")
    assert names.all_inner_texts().index(before[5]) < 5
    expect(page.locator("#recommended li")).to_have_count(4)
    expect(page.locator("#cart li")).to_have_count(1)
    assert page.locator("#cart li").inner_text() in before[5]
    assert seen.errors == []
    assert accessibility.complaints(page) == []
    sent = list(Event.objects.order_by("id")[:4].values_list("event_type", "payload__product_id"))
    assert [kind for kind, _ in sent] == ["search", "interaction", "cart", "search"]
    assert sent[1][1] == sent[2][1]
    # Before the consent nobody; then the user of the token.
    assert [row.subject_id is None for row in Event.objects.order_by("id")[:4]] == [True, False, False, False]


def test_the_docs_show_what_the_page_has() -> None:
    text = (EXAMPLES.parent / "front-end.md").read_text()
    page = lines_of((EXAMPLES / "shop.html").read_text())
    shown = re.findall(r"<!-- of: examples/shop.html -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert shown
    for fence in shown:
        assert lines_of(fence) in page


def lines_of(text: str) -> str:
    """The lines, however far they are indented."""
    return "\n".join(line.strip() for line in text.strip().splitlines())
