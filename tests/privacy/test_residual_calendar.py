"""When what remains is physically gone, day by day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client

from privacy import residual_calendar
from privacy.models import DeletionRequest, DeletionStep
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)


def remains(store: str, *until: datetime, kind: str = "erasure") -> DeletionRequest:
    request = DeletionRequest.objects.create(user_hash=b"x", kind=kind, state="certified", ended_at=NOW)
    for number, moment in enumerate(until):
        DeletionStep.objects.create(
            request=request,
            holder=f"holder-{number}",
            store=store,
            phase=1,
            state="absent",
            residual_until=moment,
        )
    return request


def test_without_anything_left_there_is_no_calendar() -> None:
    remains("bigquery", NOW - timedelta(seconds=1))
    assert residual_calendar.read(NOW).is_empty


def test_a_request_counts_once_in_a_store_on_its_last_day() -> None:
    remains("bigquery", NOW + timedelta(days=1), NOW + timedelta(days=7))
    remains("bigquery", NOW + timedelta(days=7, hours=2))
    remains("cloud_storage", NOW + timedelta(days=7))
    remains("cloud_storage", NOW + timedelta(days=7), kind="retention")
    found = residual_calendar.read(NOW)
    assert found.stores == [("BigQuery", date(2026, 11, 28), 2), ("Cloud Storage", date(2026, 11, 28), 1)]
    (month,) = found.months
    marked = {
        day.day: [(one.title, one.count) for one in day.expiries] for week in month.weeks for day in week
    }
    assert {day: found for day, found in marked.items() if found} == {
        date(2026, 11, 28): [("BigQuery", 2), ("Cloud Storage", 1)]
    }


def test_pages_go_from_this_month_to_the_last_date_over_the_turn_of_the_year() -> None:
    remains("bigquery", datetime(2027, 1, 3, tzinfo=UTC))
    remains("bigquery", datetime(2027, 3, 3, tzinfo=UTC))
    found = residual_calendar.read(NOW)
    assert [month.first for month in found.months] == [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
    ]
    assert [(day, [one.count for one in expiries]) for day, expiries in found.later] == [
        (date(2027, 3, 3), [1])
    ]
    today = [day.day for month in found.months for week in month.weeks for day in week if day.is_today]
    assert today == [date(2026, 11, 21)]


def test_a_day_leads_to_its_requests() -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    request = remains("bigquery", until)
    sam = staff("sam", "privacy.view_deletionrequest")
    page = sam.get("/admin/dashboards/deletion-requests/").content.decode()
    address = f"?rows=expiring&amp;day={until.date().isoformat()}&amp;range=30d"
    assert address in page
    behind = sam.get("/admin/dashboards/deletion-requests/" + address.replace("&amp;", "&"))
    assert str(request.pk)[:8] in behind.content.decode()


def test_numbers_lead_to_their_requests(client: Client) -> None:
    request = DeletionRequest.objects.create(
        user_hash=b"x",
        state="certified",
        created_at=datetime.now(UTC) - timedelta(days=5),
        ended_at=datetime.now(UTC) - timedelta(days=1),
    )
    sam = staff("sam", "privacy.view_deletionrequest")
    for rows in ("received", "completed", "late"):
        page = sam.get(f"/admin/dashboards/deletion-requests/?rows={rows}").content.decode()
        section = page[page.index('id="listed-title"') : page.index('id="waiting-title"')]
        assert str(request.pk)[:8] in section, rows
    for rows in ("cancelled", "overdue"):
        page = sam.get(f"/admin/dashboards/deletion-requests/?rows={rows}").content.decode()
        assert "No such request." in page
    assert sam.get("/admin/dashboards/deletion-requests/?rows=expiring&day=x").status_code == 200
