"""The system's Chromium, and pages that hold what the browser complained about."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.browser import fronts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """A page and the errors that its console has shown so far."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def overflow(self) -> int:
        """By how many pixels the page, with its style sheets loaded, is wider than the window."""
        self.page.wait_for_load_state()
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def photograph(self, name: str) -> None:
        """Into the folder that LEAFLOAF_SCREENSHOTS names, if it does."""
        if folder := os.environ.get("LEAFLOAF_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_load_state()
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For this folder alone: what else runs in this process starts servers, which refuse its variable."""
    if CHROMIUM is None:
        pytest.skip("There is no chromium on this machine: `make browser` installs one.")
    # Playwright's loop runs in this thread, and Django takes that for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        expect.set_options(timeout=fronts.PATIENCE_SECONDS * 1000)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def finished(live_server: LiveServer) -> Iterator[None]:
    """After it, the server has answered everything: what it is still at would meet what empties the tables."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if "process_request_thread" in thread.name:
            thread.join(fronts.PATIENCE_SECONDS)


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer, finished: None) -> Iterator[Callable[..., Visit]]:
    """`visit(width=400, scheme="dark")`: a fresh page, whose Content-Security-Policy is the server's own."""
    contexts = []

    def begin(width: int = 1440, height: int = 900, scheme: str = "light") -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en-CA",
        )
        context.set_default_timeout(fronts.PATIENCE_SECONDS * 1000)
        contexts.append(context)
        begun = Visit(context.new_page(), str(live_server))
        begun.page.on("console", lambda message: note(message, begun.errors))
        begun.page.on("pageerror", lambda error: begun.errors.append(str(error)))
        return begun

    yield begin
    for context in contexts:
        context.close()


@pytest.fixture
def front(browser: Browser, live_server: LiveServer, finished: None) -> Iterator[fronts.Front]:
    """A shop whose pages have `leafloaf.js` in them, and the way from there to this server."""
    yield from fronts.begun(browser, live_server)


def note(message: ConsoleMessage, errors: list[str]) -> None:
    if message.type in {"error", "warning"}:
        errors.append(message.text)
