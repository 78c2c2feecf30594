"""In Chromium: what others wrote runs nowhere, and is shown as it was written."""

import json
from collections.abc import Callable

import pytest
from django.test import override_settings

from capture import ingest
from leafloaf.access import audit
from tests.access.matrix import policy, world
from tests.access.matrix.credentials import OWN_SESSION
from tests.attacks import hostile
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STAFF_PAGES = (
    "/admin/",
    "/admin/dashboards/backend-health/",
    "/admin/dashboards/search-analytics/",
    "/admin/dashboards/api-clients/",
    "/admin/dashboards/catalogue/",
    "/admin/catalog/product/",
    "/admin/capture/deadletter/",
    "/admin/capture/event/",
    "/admin/access/auditentry/",
    "/admin/personalization/learnedversion/",
)
PERSONS_PAGES = ("/privacy/", "/privacy/accesses", "/privacy/choices", "/privacy/deletion")


def test_nothing_that_others_wrote_runs(visit: Callable[..., Visit]) -> None:
    with override_settings(**world.SETTINGS | {"STAFF_TWO_FACTOR": False}):
        shop = world.build()
        event = {"event_type": "search", "query": hostile.TEXT, "session_id": hostile.SHORT}
        ingest.accept([json.dumps(event).encode()])
        audit.record(hostile.TEXT[:100], hostile.SHORT, hostile.TEXT, reason=hostile.TEXT)
        hostile.write_everywhere()
        for who, pages in ((policy.SUPERUSER, STAFF_PAGES), (OWN_SESSION, PERSONS_PAGES)):
            begun = visit()
            begun.page.context.add_cookies(
                [
                    {"name": name, "value": value, "url": begun.address}
                    for name, value in shop.cookies[who].items()
                ]
            )
            for page in pages:
                begun.open(page)
                assert begun.page.evaluate("window.ran") is None, page
                assert begun.page.locator(f"[{hostile.MARK}]").count() == 0, page
                assert "login" not in begun.page.url, page
            assert begun.errors == []
