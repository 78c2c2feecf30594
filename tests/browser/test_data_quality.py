"""*Data quality* in a real browser, with something to say on every panel and with nothing."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from capture import duplicates, ingest, notices
from capture.models import RejectionCount, Volume, Watermark
from tests.browser.conftest import Visit
from tests.browser.test_admin_pages import signed_in
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH
from tests.calls import one_of_each

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/admin/dashboards/data-quality/"
Begin = Callable[..., Visit]


@pytest.fixture
def shop() -> None:
    """A shop whose searches doubled, whose carts dried up this morning, and that refuses a few."""
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    week = timedelta(days=7)
    for back in range(25):
        wave = 1 + math.sin(back / 4)
        for moment, factor in ((hour, 2.4), (hour - week, 1)):
            at = moment - timedelta(hours=back)
            carts = 0 if moment == hour and back < 8 else round(140 * wave)
            for kind, count in (
                ("search", round(900 * wave * factor)),
                ("cart", carts),
                ("order", round(30 * wave)),
            ):
                Volume.objects.create(event_type=kind, hour=at, count=count)
    for code, pointer, kind, count in (
        ("invalid", "/items/*/price", "order", 1204),
        ("unknown_field", "/*", "cart", 87),
        ("in_the_future", "/timestamp", "search", 12),
        ("malformed", "", "", 3),
    ):
        RejectionCount.objects.create(hour=hour, event_type=kind, code=code, pointer=pointer, count=count)
    for back in range(0, 25, 3):
        duplicates.count(40 + 9 * back, now - timedelta(hours=back))
    for back, kind in ((5, "cart"), (6, "order")):
        conflict = {"code": "conflict", "pointer": "/event_id", "event_type": kind}
        RejectionCount.objects.create(hour=hour - timedelta(hours=back), count=30 * back, **conflict)
    for number, channel in enumerate(["app"] * 9 + ["web"] * 5 + [None] * 2):
        happened = (now - timedelta(seconds=3 * 4**number % 700_000)).isoformat()
        bodies = one_of_each(channel=channel, timestamp=happened, session_id="s-1")
        ingest.accept([json.dumps(body).encode() for body in bodies])
    Watermark.objects.create(name="volumes")
    notices.replace("retention", ["19 Aug is past its retention but 3 events are still owed to BigQuery."])


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_the_page_fits_its_window_and_leaves_the_console_quiet(visit: Begin, width: int, scheme: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(PAGE)
    begun.photograph(f"quality-{scheme}-{width}")
    expect(begun.page.get_by_text("3 events are still owed to BigQuery")).to_be_visible()
    expect(begun.page.get_by_role("img", name="All: events an hour")).to_be_visible()
    expect(begun.page.get_by_role("img", name="Sent again: events an hour")).to_be_visible()
    expect(begun.page.get_by_role("rowheader", name="24 full hours")).to_be_visible()
    assert begun.overflow() <= 0
    assert begun.errors == []


@pytest.mark.parametrize("width", [1440, 400])
def test_a_new_shop_is_told_what_to_do(visit: Begin, width: int) -> None:
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    begun = signed_in(visit(width=width))
    begun.open(PAGE)
    begun.photograph(f"quality-new-shop-{width}")
    expect(begun.page.get_by_text("Nothing counted yet.")).to_be_visible()
    assert begun.overflow() <= 0
    assert begun.errors == []
