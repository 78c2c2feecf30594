"""What a run finds in the shop, and what it leaves: read in this process, by the tests' own clients of the stores."""

import time
from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from bench.load.journeys import Product
from bench.load.sending import Keys, Sent
from capture import ledger
from capture.models import OutboxBatch
from leafloaf.access import keys as api_keys
from leafloaf.access.models import ApiClient
from leafloaf.catalog.models import Product as CatalogueProduct
from tests.flows import stores

SETTLE_SECONDS = 240
BY_TYPE = "SELECT event_type, count(*) FROM capture_event GROUP BY 1"


@dataclass(frozen=True)
class Held:
    """How many events each place holds, and how many stand there not exactly once."""

    seconds: float
    """From the last request until nothing was pending."""
    accepted: int
    missing: int
    """Accepted and not in the log."""
    unknown: int
    """In the log, and nobody was told so."""
    places: dict[str, int]
    wrong: dict[str, int]
    open_accounts: int
    pending: int


def keys(staff: str) -> Keys:
    user = get_user_model().objects.create_superuser(staff, password=None)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return Keys(
        api_keys.create("Load front end", ApiClient.Kind.PUBLISHABLE),
        api_keys.create("Load back end", ApiClient.Kind.SECRET),
        f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}",
    )


def products() -> list[Product]:
    rows = CatalogueProduct.objects.order_by("sku").values_list("sku", "name", "offer__price")
    return [Product(sku, name, str(price or 1)) for sku, name, price in rows]


def held(sent: Sent) -> Held:
    began = time.monotonic()
    pending, open_accounts = settled()
    seconds = time.monotonic() - began
    logged = stores.in_log()
    found = stores.opened()
    places = {
        "log": logged,
        "Cloud Storage": found.in_cloud_storage(),
        "BigQuery": found.in_bigquery(),
    }
    wrong = {name: len((there - logged) + (logged - there)) for name, there in places.items()}
    wrong["log"] = sum(count != 1 for count in logged.values())
    counted = {kind: found.redis_total("events:daily:*", kind) for kind in by_type()}
    wrong["Redis"] = sum(counted[kind] != count for kind, count in by_type().items())
    sizes = {name: there.total() for name, there in places.items()} | {"Redis": sum(counted.values())}
    unknown = logged - sent.accepted
    missing = (sent.accepted - logged).total()
    return Held(
        seconds,
        sent.accepted.total(),
        missing,
        unknown.total(),
        sizes,
        wrong,
        open_accounts,
        pending,
    )


def settled() -> tuple[int, int]:
    """Waits for worker and beat; returns what is pending still and how many accounts do not add up."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        accounts = ledger.close()
        owed = OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED).count()
        pending = sum(account.pending + account.dead for account in accounts) + owed
        if not pending or time.monotonic() > deadline:
            return pending, len(ledger.open_accounts(accounts))
        time.sleep(1)


def by_type() -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute(BY_TYPE)
        return Counter(dict(cursor.fetchall()))
