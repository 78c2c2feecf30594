"""*Data quality*: volumes, refusals, missing fields, lateness; as counted and as staff get them."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries

from capture import duplicates, events, ingest, notices, quality, quality_dashboard, volumes
from capture.models import RejectionCount, Volume, Watermark
from tests.calls import Api, cart, interaction, one_of_each, order, search

PAGE = "/admin/dashboards/data-quality/"
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0)


def capture(*bodies: dict[str, Any], received_at: datetime = NOW) -> None:
    ingest.accept([json.dumps(body).encode() for body in bodies], received_at=received_at)


@pytest.fixture
def olive(db: None, client: Client) -> Iterator[Client]:
    """Staff who may see events."""
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_volume"))
    with time_machine.travel(NOW, tick=False):
        client.force_login(user)
        yield client


def text_of(client: Client) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


# Refusals


def counts() -> dict[tuple[str, str, str], int]:
    """Of whatever hour."""
    found: Counter[tuple[str, str, str]] = Counter()
    for kind, code, pointer, count in RejectionCount.objects.values_list(
        "event_type", "code", "pointer", "count"
    ):
        found[kind, code, pointer] += count
    return dict(found)


def test_refused_events_are_counted_by_reason(secret: Api) -> None:
    verdict = secret.send(
        cart(quantity="two"),
        cart(quantity="three"),
        search(query="x" * 300),
        search(),
        {"event_type": "wish"},
        order(items=[{"product_id": "a", "quantity": 1}, {"product_id": "b", "quantity": 1, "price": "x"}]),
    )
    assert verdict["accepted"] == 1
    found = counts()
    assert found.pop(("cart", "invalid", "/quantity")) == 2
    assert found.pop(("search", "invalid", "/query")) == 1
    assert sum(found.values()) == 2
    assert {kind for kind, _, _ in found} == {"", "order"}
    secret.send(cart(quantity="four"))
    assert counts()["cart", "invalid", "/quantity"] == 3


def test_what_the_client_made_up_names_no_row(secret: Api) -> None:
    secret.send(*(cart(**{f"made_up_{number}": 1}) for number in range(5)))
    assert counts() == {("cart", "unknown_field", "/*"): 5}


def test_a_conflict_is_a_refusal_too(secret: Api) -> None:
    secret.send(cart(event_id="c", quantity=1))
    secret.send(cart(event_id="c", quantity=2))
    assert counts() == {("cart", "conflict", "/event_id"): 1}


def test_counting_is_one_statement_and_none_without_refusals(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # inside a transaction, as tests are: a savepoint around the one
        capture(cart(quantity="two"), {"event_type": "wish"})


@pytest.mark.django_db(transaction=True)
def test_a_failure_to_count_costs_nobody_their_answer(secret: Api) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE capture_rejectioncount RENAME TO elsewhere")
    try:
        verdict = secret.send(search(), cart(quantity="two"))
        with transaction.atomic():
            capture(cart(quantity="two"))
            capture(search())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO capture_rejectioncount")
    assert verdict["accepted"] == 1
    assert len(verdict["rejected"]) == 1


# Repeats


@pytest.mark.django_db(transaction=True)
def test_duplicates_are_counted_by_the_hour() -> None:
    duplicates.count(3, NOW)
    duplicates.count(4, NOW + timedelta(minutes=20))
    duplicates.count(5, NOW + timedelta(minutes=40))
    found = RejectionCount.objects.order_by("hour").values_list("hour", "code", "count")
    assert list(found) == [(HOUR, "duplicate", 7), (HOUR + timedelta(hours=1), "duplicate", 5)]


def test_what_a_client_sends_again_is_counted(secret: Api) -> None:
    sent = [search(event_id="a"), search(event_id="b"), cart(event_id="c", quantity=1)]
    secret.send(*sent)
    assert counts() == {}
    assert secret.send(*sent[:2], cart(event_id="c", quantity=2))["duplicates"] == 2
    assert counts() == {("", "duplicate", "/event_id"): 2, ("cart", "conflict", "/event_id"): 1}


@pytest.mark.django_db(transaction=True)
def test_counting_duplicates_is_one_statement_and_none_without_any(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        duplicates.count(0, NOW)
    with django_assert_num_queries(1):
        duplicates.count(2, NOW)


@pytest.mark.django_db(transaction=True)
def test_a_count_of_duplicates_makes_no_other_transaction_wait_less_for_the_disk() -> None:
    def asked() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return str(cursor.fetchone()[0])

    before = asked()
    duplicates.count(1, NOW)
    assert asked() == before
    with transaction.atomic():
        duplicates.count(1, NOW)
        assert asked() == before
    assert RejectionCount.objects.get().count == 2


@pytest.mark.usefixtures("room")
def test_eight_at_once_lose_no_duplicate() -> None:
    def retry() -> None:
        for _ in range(20):
            duplicates.count(1, NOW)
        connection.close()

    senders = [threading.Thread(target=retry) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert RejectionCount.objects.get().count == 160


@pytest.mark.django_db(transaction=True)
def test_a_failure_to_count_duplicates_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE capture_rejectioncount RENAME TO elsewhere")
    try:
        duplicates.count(1, NOW)
        with transaction.atomic():
            duplicates.count(1, NOW)
            assert Volume.objects.count() == 0, "the transaction goes on"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO capture_rejectioncount")
    assert caplog.text.count("Duplicates could not be counted (ProgrammingError).") == 2


def test_what_was_sent_again_stands_beside_what_was_captured(db: None) -> None:
    volume("search", HOUR, 90)
    volume("search", HOUR - timedelta(hours=3), 190)
    duplicates.count(10, NOW)
    duplicates.count(8, NOW - timedelta(hours=3))
    duplicates.count(77, NOW - timedelta(hours=25))
    conflict = {"code": "conflict", "pointer": "/event_id"}
    RejectionCount.objects.create(hour=HOUR - timedelta(hours=3), event_type="cart", count=2, **conflict)
    found = quality.repeats(NOW, quality.volumes(NOW).total)
    assert found.hour == quality.SentAgain(captured=90, duplicates=10, conflicts=0)
    assert found.hour.duplicate_rate == 10
    assert found.day == quality.SentAgain(captured=190, duplicates=8, conflicts=2)
    assert (found.day.duplicate_rate, found.day.conflict_rate) == (4, 1)
    assert [[value for _, value in line.points if value] for line in found.lines] == [[8], [2]]
    assert [reason.code for reason in quality.reasons(NOW)] == ["conflict"]


def test_no_events_have_no_share() -> None:
    assert quality.SentAgain(0, 0, 0).duplicate_rate is None


# Volumes


@pytest.mark.django_db(transaction=True)
def test_volumes_are_counted_once_each() -> None:
    capture(search(), search(), cart())
    volumes.count(NOW)
    volumes.count(NOW)
    capture(search())
    volumes.count(NOW)
    found = Volume.objects.values_list("hour", "event_type", "count")
    assert sorted(found) == [(HOUR, "cart", 1), (HOUR, "search", 3)]
    assert Watermark.objects.get().xid > 0


@pytest.mark.django_db(transaction=True)
def test_an_open_transaction_is_counted_when_it_ends() -> None:
    wrote, may_commit = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with transaction.atomic():
            capture(search())
            wrote.set()
            may_commit.wait(30)
        connection.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert wrote.wait(30)
    capture(cart())
    volumes.count(NOW)
    may_commit.set()
    writer.join()
    volumes.count(NOW)
    assert sorted(Volume.objects.values_list("event_type", "count")) == [("cart", 1), ("search", 1)]


def volume(event_type: str, hour: datetime, count: int) -> None:
    Volume.objects.create(event_type=event_type, hour=hour, count=count)


@pytest.mark.parametrize(
    ("now", "before", "ratio", "is_odd"),
    [
        (100, 100, 1.0, False),
        (49, 100, 0.49, True),
        (201, 100, 2.01, True),
        (3, 40, 0.075, False),
        (400, 0, None, True),
        (0, 0, None, False),
    ],
)
def test_a_volume_is_odd_when_it_is_far_from_last_weeks(
    now: int, before: int, ratio: float | None, is_odd: bool
) -> None:
    compared = quality.Compared(now, before)
    assert compared.ratio == (pytest.approx(ratio) if ratio is not None else None)
    assert compared.is_odd is is_odd


def test_volumes_stand_beside_those_of_a_week_before(db: None) -> None:
    week = timedelta(days=7)
    volume("search", HOUR, 60)
    volume("search", HOUR - week, 100)
    volume("search", HOUR - timedelta(hours=3), 10)
    volume("search", HOUR - week - timedelta(hours=24), 300)
    volume("search", HOUR - timedelta(hours=25), 7777)
    volume("search", HOUR - week + timedelta(hours=1), 7777)
    found = quality.volumes(NOW)
    searches = found.types[0]
    assert searches.hour == quality.Compared(60, 50)  # half of the hour has passed
    assert searches.day == quality.Compared(10, 300)
    assert searches.day.is_odd
    assert found.total.day == searches.day
    assert [len(line.points) for line in found.total.lines] == [24, 24]
    assert [one.event_type for one in found.charted] == ["all", "search"]


def test_a_shop_in_its_first_week_has_nothing_to_compare_with(db: None) -> None:
    volume("cart", HOUR - timedelta(hours=1), 400)
    found = quality.volumes(NOW)
    assert [one.day.is_odd for one in (found.total, *found.types)] == [False] * 6
    volume("search", HOUR - timedelta(days=7, hours=3), 1)
    found = quality.volumes(NOW)
    assert [one.event_type for one in found.types if one.day.is_odd] == ["cart"]


# The sample


def test_missing_fields_are_shares_of_the_sample(db: None) -> None:
    capture(search(intent="browse"), search(), search(session_id="s-1"), search(intent=None), cart())
    found = {kind.event_type: kind for kind in quality.fields(NOW)}
    searches = {use.name: use for use in found["search"].fields}
    assert found["search"].sampled == 4
    assert (searches["intent"].missing, searches["intent"].rate) == (3, 75)
    assert searches["session_id"].missing == 3
    assert "query" not in searches
    assert "timestamp" not in searches
    assert {use.name: use.missing for use in found["cart"].fields}["price"] == 0


def test_lateness_is_told_by_channel(db: None) -> None:
    def ago(seconds: int) -> str:
        return (NOW - timedelta(seconds=seconds)).isoformat()

    capture(*(interaction(channel="app", timestamp=ago(seconds)) for seconds in (10, 20, 30, 4000)))
    capture(interaction())
    app, none = quality.lateness(NOW)
    assert (app.channel, app.sampled, app.punctual) == ("app", 4, 0)
    assert (app.half, app.nearly_all, app.worst) == (20, 4000, 4000)
    assert (none.channel, none.punctual_rate) == ("", 100)


def test_the_sample_is_bounded(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "SAMPLE", 3)
    capture(*(cart() for _ in range(4)))
    capture(search(), search())
    assert {kind.event_type: kind.sampled for kind in quality.fields(NOW)} == {"search": 2, "cart": 1}
    capture(cart(), received_at=NOW - timedelta(days=8))
    assert sum(one.sampled for one in quality.lateness(NOW)) == 3


def test_every_type_has_optional_fields_that_are_kept() -> None:
    for kind in events.TYPES.values():
        assert {"user_id", "session_id", "channel", "metadata"} <= set(quality.optional(kind))
        assert not {"sent_at", "timestamp", "event_id"} & set(quality.optional(kind))


# The page


def test_a_new_shop_is_told_what_to_do(olive: Client) -> None:
    text = text_of(olive)
    assert "Nothing counted yet." in text
    assert "None: every event of the last 24 hours was valid." in text
    assert "No events in the last 7 days." in text


def test_the_page_shows_all_of_it(olive: Client) -> None:
    capture(*one_of_each(), cart(quantity="two"))
    volume("search", HOUR - timedelta(hours=1), 20)
    volume("search", HOUR - timedelta(hours=170), 400)
    notices.replace("test", ["19 Aug is past its retention but 3 events are still owed to BigQuery."])
    duplicates.count(60, NOW - timedelta(hours=1))
    text = text_of(olive)
    assert "3 events are still owed to BigQuery" in text
    assert "24 full hours 60 75.0 % 0 0.0 %" in text
    assert "Sent again: events an hour" in text
    assert "invalid /quantity cart 1" in text
    assert "not given 5 100 %" in text
    assert "Left out of recommendation_impression Optional fields, in 1 sampled event." in text


def test_who_may_not_see_events_may_not_see_this(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("passer-by", is_staff=True))
    assert client.get(PAGE).status_code in {403, 404}


def test_the_page_costs_a_bounded_number_of_queries(
    olive: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    capture(*one_of_each(), cart(quantity="two"))
    with django_assert_max_num_queries(15):
        olive.get(PAGE)


def test_nothing_on_the_page_is_inline(olive: Client) -> None:
    capture(*one_of_each())
    page = olive.get(PAGE).content.decode()
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)


def headline() -> tuple[str, str]:
    with time_machine.travel(NOW, tick=False):
        found = quality_dashboard.DataQuality().headline(RequestFactory().get("/"))
    return found.state, found.sentence


def test_the_headline_names_what_is_odd(db: None) -> None:
    assert headline() == ("unknown", "No events in the last 24 hours")
    volume("search", HOUR, 1200)
    assert headline() == ("healthy", "1,200 events in 24 hours, none refused")
    duplicates.count(9, NOW)
    assert headline() == ("healthy", "1,200 events in 24 hours, none refused")
    RejectionCount.objects.create(hour=HOUR, event_type="cart", code="invalid", pointer="/price", count=4)
    assert headline() == ("healthy", "1,200 events in 24 hours, 4 faults found at the door")
    volume("cart", HOUR - timedelta(days=7, hours=2), 400)
    assert headline() == ("degraded", "Cart events: 0 in 24 hours, 400 a week before")
    notices.replace("test", ["19 Aug is past its retention."])
    assert headline() == ("degraded", "19 Aug is past its retention.")
