from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from capture import health, history
from capture.models import Reading
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, 40, tzinfo=UTC)
HOUR, DAY, WEEK = history.RANGES


@pytest.mark.parametrize("chosen", history.RANGES, ids=lambda chosen: chosen.key)
def test_a_chart_has_at_most_120_points_however_many_readings_there_are(chosen: history.Range) -> None:
    Reading.objects.bulk_create(rows.day_of_readings("redis", NOW))
    found = history.of_sinks(chosen, NOW)["redis"]
    assert len(found.lag) == len(found.throughput) <= 120
    assert found.lag[-1][0] <= NOW
    assert NOW - found.lag[0][0] >= chosen.span


def test_a_step_shows_its_worst_lag() -> None:
    moment = NOW.replace(second=0)
    for second, lag in ((0, 2.0), (15, 90.0), (30, 1.0)):
        rows.reading("redis", moment + timedelta(seconds=second), lag_seconds=lag).save()
    assert history.of_sinks(HOUR, NOW)["redis"].lag[-1] == (moment, 90.0)


def test_steps_without_a_reading_are_gaps() -> None:
    rows.reading("redis", NOW - timedelta(minutes=30), lag_seconds=1).save()
    lag = history.of_sinks(HOUR, NOW)["redis"].lag
    assert [value for _, value in lag if value is not None] == [1.0]


def test_throughput_is_the_difference_of_readings_by_the_time_between_them() -> None:
    for ago, delivered in ((4, 1000), (3, 1060), (1, 1300)):
        rows.reading("redis", NOW - timedelta(minutes=ago), delivered=delivered).save()
    rates = [rate for _, rate in history.of_sinks(HOUR, NOW)["redis"].throughput if rate is not None]
    assert rates == [60.0, 120.0]


def test_pruned_batches_are_no_negative_throughput() -> None:
    for ago, delivered in ((3, 5000), (2, 100)):
        rows.reading("redis", NOW - timedelta(minutes=ago), delivered=delivered).save()
    rates = [rate for _, rate in history.of_sinks(HOUR, NOW)["redis"].throughput if rate is not None]
    assert rates == [0.0]


def test_a_sink_without_readings_has_no_history() -> None:
    rows.reading("redis", NOW - timedelta(days=3)).save()
    assert history.of_sinks(DAY, NOW) == {}
    assert set(history.of_sinks(WEEK, NOW)) == {"redis"}


def test_moments_are_aware() -> None:
    rows.reading("redis", NOW).save()
    assert all(timezone.is_aware(moment) for moment, _ in history.of_sinks(WEEK, NOW)["redis"].lag)


def test_old_readings_are_thinned_out_without_losing_the_worst_moment() -> None:
    spans = [(timedelta(minutes=30), 40), (timedelta(hours=5), 40), (timedelta(days=3), 40)]
    for ago, count in spans:
        start = (NOW - ago).replace(minute=15, second=0)
        for number in range(count):
            lag = 90.0 if number == 17 else 1.0
            rows.reading("redis", start + number * timedelta(seconds=15), lag_seconds=lag).save()
    rows.reading("redis", NOW - timedelta(days=9)).save()
    health.thin_out(NOW)
    ages = [NOW - moment for moment in Reading.objects.values_list("taken_at", flat=True)]
    assert sum(age < timedelta(hours=2) for age in ages) == 40
    assert sum(timedelta(hours=2) < age < timedelta(days=1) for age in ages) == 10
    assert sum(age > timedelta(days=1) for age in ages) == 1
    assert Reading.objects.filter(lag_seconds=90).count() == 3
    health.thin_out(NOW)
    assert Reading.objects.count() == 51
