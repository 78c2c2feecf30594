"""A shop in which something has happened everywhere, for the tests that walk all pages of the admin."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, Permission, User
from pytest_django import Settings

from capture import ingest, notices
from capture.models import HorizonReading, OutboxBatch, Reading, RejectionCount, Sink, Volume, Watermark
from leafloaf.access import audit, keys
from leafloaf.access.models import ApiClient, ApiKey
from leafloaf.catalog.models import Brand, Category, MerchandisingRule, Offer, Product, Supplier, Synonym
from leafloaf.storefront.models import SearchIntent, SearchQuery, SearchReport
from personalization.models import AggregateReport, Cohort, DailyFunnel, DailyProduct
from privacy import consent, lookups, metrics, subjects
from privacy.models import (
    Actor,
    DataExport,
    DeletionRequest,
    DeletionStep,
    RetentionNight,
    StaffAccess,
    SuppressedCount,
)
from tests.calls import one_of_each
from tests.capture import outbox_rows as rows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STORES = (("events", "postgres"), ("redis", "redis"), ("files", "cloud_storage"), ("bigquery", "bigquery"))


def fill(settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True, cloud_storage=True, bigquery=True, warehouse=False)
    now = datetime.now(UTC)
    people = list(subjects.resolve(f"user-{number}" for number in range(14)).values())
    sell()
    capture(now)
    search(now)
    trends(now)
    allow(people)
    erase(now)
    look(people)
    let_in(now)
    metrics.count(datetime.now(UTC) + timedelta(seconds=1))


def one_with_every_permission(name: str = "olive") -> User:
    """Not a superuser: asking for permissions costs them queries."""
    everything, _ = Group.objects.get_or_create(name="Everything")
    everything.permissions.set(Permission.objects.all())
    user = User.objects.create_user(name, password="leaf-and-loaf", is_staff=True)
    user.groups.add(everything)
    return user


def sell() -> None:
    brands = [Brand.objects.create(name=name) for name in ("Nord", "Prairie", "Lac-Brome")]
    supplier = Supplier.objects.create(name="Les Aliments de la Vallée Inc., Saint-Hyacinthe")
    dairy = Category.objects.create(name="Dairy")
    milk = Category.objects.create(name="Milk", parent=dairy)
    for number in range(60):
        product = Product.objects.create(
            sku=f"MILK-{number:03}",
            name=f"Lait 2 % partiellement écrémé biologique, sac de {number} litres",
            brand=brands[number % 3] if number % 4 else None,
            category=milk if number % 5 else None,
            supplier=supplier,
        )
        Offer.objects.create(product=product, price=number or None, in_stock=number % 7 > 0)
    now = datetime.now(UTC)
    MerchandisingRule.objects.create(
        name="Holiday nog", action="boost", factor=2, query="nog", ends_at=now + 3 * DAY
    )
    MerchandisingRule.objects.create(
        name="New year", action="bury", factor=0.5, query="nog", starts_at=now + 9 * DAY, within=dairy
    )
    Synonym.objects.create(term="soda", replacements=["pop", "soft drink"])


def capture(now: datetime) -> None:
    Reading.objects.bulk_create(
        rows.day_of_readings("redis", now, lag=0.4)
        + rows.day_of_readings("cloud_storage", now, lag=38)
        + rows.day_of_readings("bigquery", now, away=timedelta(minutes=40))
    )
    Sink.objects.create(name="redis")
    Sink.objects.create(name="cloud_storage", last_error="503: the bucket is busy", last_error_at=now - HOUR)
    Sink.objects.create(
        name="bigquery",
        failures=9,
        available_at=now + HOUR,
        last_error="503 backendError: visibility check was unavailable",
        last_error_at=now - timedelta(seconds=70),
    )
    HorizonReading.objects.create(taken_at=now, xid=7, age_seconds=200, held_by="month-end report")
    for number in range(1, 8):
        rows.batch("redis", number, now - timedelta(minutes=number))
        limping = rows.batch(
            "cloud_storage", number, now - timedelta(minutes=2 * number), excluded=number == 3
        )
    rows.batch("bigquery", 1, now - HOUR, state=OutboxBatch.State.SENDING, attempts=9, delivered_at=None)
    for number in range(3):
        rows.dead_letter(limping, f"event-{number}", "no such field: dietry_marks.")
    for back in range(3):
        for sink in ("redis", "cloud_storage", "bigquery"):
            rows.account(sink, now.date() - back * DAY, 61_204 - 811 * back)
    hour = now.replace(minute=0, second=0, microsecond=0)
    Volume.objects.bulk_create(
        Volume(event_type=kind, hour=hour - back * HOUR, count=count)
        for back in range(25)
        for kind, count in (("search", 900), ("cart", 140), ("order", 30))
    )
    Watermark.objects.create(name="volumes")
    RejectionCount.objects.create(
        hour=hour, event_type="order", code="invalid", pointer="/items/*/price", count=1204
    )
    notices.replace("retention", ["19 Aug is past its retention but 3 events are still owed to BigQuery."])
    for number in range(6):
        bodies = one_of_each(session_id=f"s-{number % 3}")
        ingest.accept([json.dumps(body).encode() for body in bodies])


def search(now: datetime) -> None:
    totals = {"searches": 4302, "shoppers": 2204, "no_results": 240, "clicked": 2733}
    report = SearchReport.objects.create(
        range="24h",
        due_at=now + HOUR,
        k=20,
        since=now - DAY,
        counted_at=now,
        choices=3000,
        places=6600,
        half_ms=14.2,
        most_ms=48.7,
        browsing=311,
        queries=977,
        common_queries=2,
        common_searches=1100,
        **totals,
    )
    for query, no_results in (("organic milk", 0), ("dog food", 164)):
        SearchQuery.objects.create(
            report=report,
            query=query,
            searches=550,
            shoppers=300,
            no_results=no_results,
            clicked=300,
            choices=300,
            places=660,
        )
    for hour in range(24):
        SearchIntent.objects.create(
            report=report,
            moment=now - DAY + hour * HOUR,
            intent="product_search",
            searches=100 + hour,
            no_results=9,
            clicked=60,
        )


def trends(now: datetime) -> None:
    AggregateReport.objects.create(name="events", counted_at=now, due_at=now + HOUR, k=20)
    for back in range(7):
        day = now.date() - back * DAY
        DailyProduct.objects.create(
            day=day, product_id="MILK-001", views=400, clicks=120, adds=70, purchases=52
        )
        DailyFunnel.objects.create(
            day=day, searches=470, with_results=450, clicked=280, added=150, purchased=90
        )
    Cohort.objects.create(
        cohort_id="weekly", user_count=812, avg_basket_size=14.3, common_categories=["Dairy > Milk"]
    )


def allow(people: list[UUID]) -> None:
    for number, subject_id in enumerate(people[:12]):
        changes = (
            consent.Changes(personalization_enabled=False)
            if number < 6
            else consent.Changes(data_retention_days=30)
        )
        consent.change(subject_id, changes, Actor.USER)
    DataExport.objects.create(subject_id=people[0], state="ready")


def erase(now: datetime) -> None:
    """Six requests: late, asking somebody, waiting for approval, held for a fortnight, settling, and certified."""
    states = ["purging", "purging", "received", "purging", "settling", "certified"]
    for number, state in enumerate(states):
        asked = now - (5 - number) * DAY
        request = DeletionRequest.objects.create(
            subject_id=None if state == "certified" else uuid4(),
            user_hash=bytes([number]),
            state=state,
            created_at=asked,
            purge_started_at=None if state == "received" else asked,
            ended_at=now - HOUR if state == "certified" else None,
            requested_by="kim" if state == "received" else "",
            actor="staff" if state == "received" else "user",
            question="Of the log, 7 % would go: is that right?" if number == 1 else "",
        )
        for phase, (holder, store) in enumerate(STORES):
            is_done = state == "certified" or phase == 0
            DeletionStep.objects.create(
                request=request,
                holder=holder,
                store=store,
                phase=phase,
                state="absent" if is_done else "settling" if state == "settling" else "waiting",
                presence="absent" if is_done else "",
                planned=40 + number,
                verified_at=now - HOUR if is_done else None,
                residual_until=now + (3 + phase * 9) * DAY if is_done and phase else None,
                held_at=now - 14 * DAY if number == 3 and phase == 1 else None,
                held_by="kim" if number == 3 and phase == 1 else "",
                held_reason="court order 7" if number == 3 and phase == 1 else "",
            )
    RetentionNight.objects.create(ran_at=now - 8 * HOUR, people=23)
    for back in range(9):
        SuppressedCount.objects.create(day=(now - back * DAY).date(), count=4 * back)


def look(people: list[UUID]) -> None:
    lookups.open_subject(people[13], "olive", "asked where the parcel is")
    for number in range(8):
        StaffAccess.objects.create(
            subject_id=people[number], actor="kim", page="person", category="order", reason="a parcel"
        )


def let_in(now: datetime) -> None:
    for number in range(3):
        keys.create(f"Till {number}", ApiClient.Kind.SECRET, ["events", "search"])
    keys.create("Shop front", ApiClient.Kind.PUBLISHABLE, origins=["https://shop.example"])
    keys.create("Old front", ApiClient.Kind.PUBLISHABLE, origins=["*"])
    ApiKey.objects.filter(client__name="Till 1").update(
        created_at=now - 400 * DAY, last_used_at=now - 95 * DAY
    )
    for action, target in (
        ("pause a sink", "redis"),
        ("hold an erasure", "request 7"),
        ("look up a person", "order"),
    ):
        audit.record("kim", action, target, reason="month-end report, as agreed on Monday")
