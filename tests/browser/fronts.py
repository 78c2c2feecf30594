"""A browser at a shop whose pages have `leafloaf.js` in them, and what the event log holds of it."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page
from pytest_django.live_server_helper import LiveServer

from capture.models import Event
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.stack import ports
from tests.browser.shop_front import ShopFront
from tests.config.relay import Relay

PATIENCE_SECONDS = 60
FLUSH = "await leafloaf.flush()"


class Way(Relay):
    """A relay that loses as many receipts as it is told to."""

    to_cut = 0

    def passing(self, data: bytes) -> bytes:
        if self.to_cut and data.startswith(b"HTTP/1.1 202"):
            self.to_cut -= 1
            raise ConnectionResetError
        return data


@dataclass
class Front:
    """A browser at the shop, and the way from there to LeafLoaf."""

    shop: ShopFront
    way: Way
    key: str
    context: BrowserContext

    def open(self, **options: Any) -> Page:
        """A tab at the shop, with the client configured; `consent` is given unless it is said otherwise."""
        page = self.context.new_page()
        self.load(page, **options)
        return page

    def load(self, page: Page, **options: Any) -> None:
        page.goto(self.shop.origin)
        token = options.pop("token", False)
        page.evaluate(
            """([options, token]) => {
                window.rejected = []; window.mishaps = [];
                options.onrejected = (faults) => window.rejected.push(...faults);
                options.onerror = (error) => window.mishaps.push(error.status);
                if (token) options.token = () => fetch("/token").then((answer) => answer.text());
                leafloaf.configure(options);
            }""",
            [{"key": self.key, "consent": True} | options, token],
        )


def begun(browser: Browser, live_server: LiveServer) -> Iterator[Front]:
    target = urlsplit(live_server.url).port
    assert target is not None
    port = ports.any_free()
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    with Way(port, target) as way, ShopFront(f"http://127.0.0.1:{port}") as shop:
        key = keys.create("Pages", ApiClient.Kind.PUBLISHABLE, origins=[shop.origin])
        yield Front(shop, way, key, context)
        context.close()


def rows(**of: Any) -> list[Event]:
    return list(Event.objects.filter(**of).order_by("id"))


def logged(page: Page, wanted: int, **of: Any) -> list[Event]:
    """The rows of the log, as soon as there are so many."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found := rows(**of)) < wanted and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert len(found) == wanted
    return found


def kept(page: Page) -> list[str]:
    """The names of what the client keeps in the browser."""
    names: list[str] = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort()")
    return names


def emptied(page: Page) -> None:
    """The log has an event before the browser has the answer."""
    page.wait_for_function("() => !Object.keys(localStorage).some((name) => name.startsWith('leafloaf:e:'))")


def queued(page: Page) -> list[str]:
    return [name for name in kept(page) if name.startswith("leafloaf:e:")]


def add(page: Page, sku: str, then: str = "") -> str:
    made: str = page.evaluate(f"async () => {{ const id = leafloaf.added('{sku}'); {then}; return id; }}")
    return made


def statuses(page: Page) -> list[int]:
    said: list[int] = []
    page.on("response", lambda response: said.append(response.status) if "/events" in response.url else None)
    return said


def crash(page: Page) -> None:
    """Kills the tab's process: nothing of it runs any more, `pagehide` neither."""
    with page.expect_event("crash"), contextlib.suppress(Error):
        page.goto("chrome://crash", timeout=5000)
