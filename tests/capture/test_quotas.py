"""How near BigQuery's limits and the budget are: on the page, among problems, in the metrics, and not on `/health`."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from capture import health, quotas, usage_gauges
from capture.models import Notice, UsageDay
from capture.sinks import bigquery_write
from tests.capture import outbox_rows as rows
from tests.capture.counting import at_most

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, 40, tzinfo=UTC)
TODAY = NOW.date()
PAGE = "/admin/dashboards/backend-health/"
CARTS, SEARCHES = "cart_modification_events", "user_search_events"
DOLLAR = 200 * 1024**2 * 100
"""So many bytes are streamed for a dollar."""


@pytest.fixture(autouse=True)
def _bigquery(settings: Settings) -> Any:
    settings.SINKS = rows.configured(redis=True, bigquery=True)
    settings.BIGQUERY_BUDGET_DOLLARS = 0.0
    with time_machine.travel(NOW, tick=False):
        yield


def used(table: str = CARTS, day: date = TODAY, mode: str = "streaming", **values: Any) -> UsageDay:
    return UsageDay.objects.create(day=day, table_name=table, mode=mode, **values)


def states() -> dict[str, str]:
    found = quotas.overview()
    assert found
    return {limit.key: limit.state for limit in found.limits}


def noticed() -> list[str]:
    quotas.watch()
    return [notice.sentence for notice in Notice.objects.filter(kind=quotas.KIND)]


def words(client: Client) -> str:
    rows.reading("redis", datetime.now(UTC), delivered=1).save()
    client.force_login(User.objects.get_or_create(username="root", is_staff=True, is_superuser=True)[0])
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_a_quiet_shop_is_well() -> None:
    assert set(states().values()) == {"healthy"}
    assert noticed() == []


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ({"busiest_rows": 80_000}, "second_rows"),
        ({"largest_bytes": 8_000_000}, "request_bytes"),
        ({"busiest_streams": 6_000, "mode": "storage_write"}, "hour_streams"),
    ],
)
def test_four_fifths_of_a_limit_are_an_alarm(values: dict[str, Any], limit: str) -> None:
    ((name, value),) = [(name, value) for name, value in values.items() if name != "mode"]
    row = used(**values | {name: value - 1})
    assert states()[limit] == "healthy"
    setattr(row, name, value)
    row.save()
    assert states()[limit] == "degraded"
    assert len(noticed()) == 1
    setattr(row, name, value * 5 // 4)
    row.save()
    assert states()[limit] == "unhealthy"


def test_a_full_batch_is_no_alarm_and_a_larger_one_is() -> None:
    row = used(largest_rows=500)
    assert states()["request_rows"] == "healthy"
    assert noticed() == []
    row.largest_rows = 501
    row.save()
    assert states()["request_rows"] == "unhealthy"
    assert noticed() == ["BigQuery: rows in a request have reached 100% of what is allowed, 500."]


def test_the_peaks_of_tables_are_added_up() -> None:
    used(CARTS, busiest_rows=50_000)
    used(SEARCHES, busiest_rows=40_000)
    assert states()["second_rows"] == "degraded"


def test_the_rows_of_the_storage_write_api_are_not_those_that_streaming_limits() -> None:
    used(mode="storage_write", busiest_rows=99_000, largest_rows=9_000)
    assert set(states().values()) == {"healthy"}
    assert noticed() == []


def test_requests_of_the_storage_write_api_are_full_in_a_rush_and_that_is_no_alarm() -> None:
    row = used(mode="storage_write", largest_bytes=bigquery_write.REQUEST_BYTES)
    assert states()["storage_write_bytes"] == "healthy"
    assert states()["request_bytes"] == "healthy"
    assert noticed() == []
    row.largest_bytes = quotas.REQUEST_BYTES + 1
    row.save()
    assert states()["storage_write_bytes"] == "unhealthy"


def test_yesterdays_peak_is_over() -> None:
    used(day=TODAY - timedelta(days=1), busiest_rows=99_000)
    assert states()["second_rows"] == "healthy"


def test_four_fifths_of_the_budget_are_an_alarm(settings: Settings) -> None:
    settings.BIGQUERY_BUDGET_DOLLARS = 5.0
    row = used(billed_bytes=round(3.9 * DOLLAR))
    assert states()["budget"] == "healthy"
    row.billed_bytes = round(4.1 * DOLLAR)
    row.save()
    assert states()["budget"] == "degraded"
    assert noticed() == ["BigQuery: the costs of this month have reached 80% of what is allowed, $5.00."]
    row.billed_bytes = 6 * DOLLAR
    row.save()
    assert states()["budget"] == "unhealthy"
    assert "100%" in noticed()[0]


def test_a_month_that_is_going_to_be_too_dear_is_told_before_it_is(settings: Settings) -> None:
    settings.BIGQUERY_BUDGET_DOLLARS = 10.0
    for back in range(1, 4):
        used(day=TODAY - timedelta(days=back), billed_bytes=DOLLAR)
    assert states()["budget"] == "healthy"
    (sentence,) = noticed()
    assert "at the pace of the last days this month costs more than its budget, $10.00" in sentence


def test_without_a_budget_nothing_is_too_dear() -> None:
    used(billed_bytes=10_000 * DOLLAR)
    assert "budget" not in states()
    assert noticed() == []


def test_a_notice_keeps_its_moment_while_the_number_grows() -> None:
    row = used(busiest_rows=81_000)
    noticed()
    first = Notice.objects.get(kind=quotas.KIND)
    row.busiest_rows = 89_000
    row.save()
    noticed()
    assert Notice.objects.get(kind=quotas.KIND).first_seen_at == first.first_seen_at
    row.busiest_rows = 91_000
    row.save()
    assert "90%" in noticed()[0]


def test_the_worker_notices_and_the_pages_tell(client: Client) -> None:
    used(busiest_rows=85_000)
    health.take_readings(NOW - timedelta(seconds=1))
    sentence = "BigQuery: rows in a second have reached 80% of what is allowed, 100,000."
    assert f"To look at. {sentence}" in words(client)
    client.get("/admin/")
    assert sentence in client.get("/admin/").content.decode()


def test_health_tells_nobody_what_the_shop_spends_and_does_not_mind_it(
    client: Client, settings: Settings
) -> None:
    settings.BIGQUERY_BUDGET_DOLLARS = 5.0
    before = used(day=TODAY - timedelta(days=1))
    health.take_readings(NOW - timedelta(seconds=1))
    well = client.get("/health").content
    assert b'"healthy"' in well
    assert noticed() == []
    used(busiest_rows=85_000, billed_bytes=4 * DOLLAR)
    before.billed_bytes = DOLLAR // 2
    before.save()
    assert len(noticed()) == 3, "a limit, the budget, and the pace"
    assert client.get("/health").content == well
    Notice.objects.create(kind="schema", sentence="A table differs.")
    assert client.get("/health").json()["notices"] == ["A table differs."]


def test_the_page_shows_today_the_month_and_each_limit(client: Client, settings: Settings) -> None:
    settings.BIGQUERY_BUDGET_DOLLARS = 50.0
    for back in range(1, 8):
        used(day=TODAY - timedelta(days=back), billed_bytes=DOLLAR)
    used(
        requests=12,
        rows=5_432,
        row_bytes=2_000_000,
        sent_bytes=3_000_000,
        billed_bytes=DOLLAR // 2,
        largest_rows=500,
        largest_bytes=310_000,
        busiest_rows=1_500,
        busiest_at=NOW,
    )
    used("", mode="query", requests=3, billed_bytes=31_457_280)
    text = words(client)
    assert (
        "Today $0.50 This month so far $7.50 At this pace, by its end $18.00 Budget of a month $50.00" in text
    )
    assert "This month: streaming $7.50 ·" in text
    assert "Rows in a request (kept by LeafLoaf itself) 500 500 100 % Healthy" in text
    assert "Bytes of a request 0.31 MB 10 MB 3 % Healthy" in text
    assert "Rows in a second 1,500 100,000 2 % Healthy" in text
    assert "The costs of this month $7.50 $50.00 15 % Healthy" in text
    assert f"{CARTS} 5,432 1.9" in text
    assert "LeafLoaf itself asked 3 queries today" in text


def test_less_than_a_cent_is_not_nothing(client: Client) -> None:
    used(rows=1, billed_bytes=1024)
    assert "Today under $0.01 This month so far under $0.01" in words(client)


def test_a_table_says_when_it_is_not_streamed_to(client: Client) -> None:
    used(mode="storage_write", rows=7, streams=3, busiest_streams=3, largest_bytes=9 * 1024**2)
    text = words(client)
    assert f"{CARTS} by the Storage Write API 7" in text
    assert (
        "Bytes of a request by the Storage Write API (kept by LeafLoaf itself) 9.44 MB 10 MB 94 % Healthy"
        in text
    )
    assert "Streams in an hour 3 7,500 0 % Healthy" in text


def test_a_day_without_events_says_so(client: Client) -> None:
    text = words(client)
    assert "Nothing was sent today." in text
    assert "A pace can be told after the first whole day." in text


def test_the_metrics_tell_the_same(settings: Settings) -> None:
    settings.BIGQUERY_BUDGET_DOLLARS = 5.0
    used(rows=7, requests=2, sent_bytes=900, busiest_rows=50_000, largest_rows=400, billed_bytes=DOLLAR)
    used(mode="storage_write", largest_rows=5_000, largest_bytes=9_000_000)
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in usage_gauges.read()
        for sample in metric.samples
    }
    assert told["leafloaf_bigquery_rows_today", CARTS, "streaming"] == 7
    assert told["leafloaf_bigquery_requests_today", CARTS, "streaming"] == 2
    assert told["leafloaf_bigquery_sent_bytes_today", CARTS, "streaming"] == 900
    assert told["leafloaf_bigquery_limit_used_ratio", "second_rows"] == 0.5
    assert told["leafloaf_bigquery_largest_request_rows",] == 400, "of those that are advised to be small"
    assert ("leafloaf_bigquery_limit_used_ratio", "storage_write_bytes") not in told
    assert told["leafloaf_bigquery_budget_used_ratio",] == pytest.approx(0.2)
    assert told["leafloaf_bigquery_month_dollars", "streaming"] == pytest.approx(1)
    assert told["leafloaf_bigquery_budget_dollars",] == 5
    assert not [name for name, *_ in told if "projected" in name], "no whole day yet"


def test_a_shop_without_bigquery_pays_nothing_for_it(client: Client, settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True, bigquery=False)
    used(busiest_rows=99_000)
    with at_most(0):
        assert quotas.overview() is None
        assert list(usage_gauges.read()) == []
    assert "BigQuery: use and costs" not in words(client)
    settings.SINKS = rows.configured(redis=True)
    with at_most(0):
        assert quotas.overview() is None


def test_switching_it_off_takes_the_alarm_away(settings: Settings) -> None:
    used(busiest_rows=99_000)
    assert noticed()
    settings.SINKS = rows.configured(redis=True, bigquery=False)
    assert noticed() == []


def test_one_statement_however_many_days() -> None:
    for back in range(120):
        for table in (CARTS, SEARCHES):
            used(table, day=TODAY - timedelta(days=back), rows=1, row_bytes=1)
    with at_most(1):
        assert quotas.overview()
