from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from capture import history
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
