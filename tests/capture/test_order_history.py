"""`manage.py replay_orders`: a shop's past orders, from two small files."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from capture.models import Event
from privacy.models import Subject

ORDERS = """order_id,user_id,ordered_at
A1,ann,2023-01-10T09:00:00+00:00
A2,bob,2023-01-11T09:00:00+00:00
A3,ann,2023-03-01T09:30:00-05:00
"""
ITEMS = """order_id,product_id,quantity,price
A1,OATLY_001,2,5.99
A1,BREAD_002,1,3.49
A2,OATLY_001,,5.99
A3,PLUM_003,0.452,
"""


@pytest.fixture(autouse=True)
def empty_log(log: None) -> None:
    """Every test starts with one."""


def replayed(folder: Path, orders: str = ORDERS, items: str = ITEMS, *options: str) -> tuple[str, list[str]]:
    """The command's summary, and its complaints."""
    files = folder / "orders.csv", folder / "items.csv"
    for file, text in zip(files, (orders, items), strict=True):
        file.write_text(text, encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    call_command("replay_orders", *map(str, files), *options, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue().splitlines()


def payload(order_id: str) -> dict[str, Any]:
    return dict(Event.objects.get(event_id=f"order-{order_id}").payload)


def test_orders_reach_the_log_with_their_own_time_and_user(tmp_path: Path) -> None:
    summary, complaints = replayed(tmp_path)
    assert summary == "3 orders with 4 lines read: 3 accepted, 0 already there, 0 suppressed, 0 rejected"
    assert complaints == []
    event = Event.objects.get(event_id="order-A1")
    assert event.occurred_at == datetime(2023, 1, 10, 9, tzinfo=UTC)
    assert event.received_at.date() == datetime.now(UTC).date()
    assert event.subject_id == Subject.objects.get(user_id="ann").id
    assert Subject.objects.count() == 2
    items = [
        {"product_id": "OATLY_001", "quantity": 2, "price": 5.99, "category": None},
        {"product_id": "BREAD_002", "quantity": 1, "price": 3.49, "category": None},
    ]
    assert event.payload == {"order_id": "A1", "items": items, "total_value": 15.47, "channel": "server"}


def test_a_time_with_another_zone_is_the_same_moment(tmp_path: Path) -> None:
    replayed(tmp_path)
    assert Event.objects.get(event_id="order-A3").occurred_at == datetime(2023, 3, 1, 14, 30, tzinfo=UTC)


def test_a_price_that_is_not_known_leaves_the_total_not_known(tmp_path: Path) -> None:
    replayed(tmp_path, items=ITEMS + "A1,GIFT_004,1,\n")
    assert payload("A1").get("total_value") is None
    assert payload("A3").get("total_value") is None
    assert payload("A2")["total_value"] == 5.99


def test_a_blank_quantity_is_one_and_a_weight_stays_exact(tmp_path: Path) -> None:
    replayed(tmp_path)
    assert [line["quantity"] for line in payload("A2")["items"]] == [1]
    assert [str(line["quantity"]) for line in payload("A3")["items"]] == ["0.452"]


@pytest.mark.parametrize("options", [(), ("--shift-to-now",)])
def test_a_second_run_changes_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    replayed(tmp_path, ORDERS, ITEMS, *options)
    before = list(Event.objects.order_by("id").values())
    summary, complaints = replayed(tmp_path, ORDERS, ITEMS, *options)
    assert (complaints, "0 accepted, 3 already there" in summary) == ([], True)
    assert list(Event.objects.order_by("id").values()) == before


def test_a_run_that_stopped_half_way_is_completed_by_the_next(tmp_path: Path) -> None:
    replayed(tmp_path, orders="\n".join(ORDERS.splitlines()[:2]) + "\n")
    summary, _ = replayed(tmp_path)
    assert "2 accepted, 1 already there" in summary


def test_a_history_moved_to_now_keeps_its_gaps(tmp_path: Path) -> None:
    replayed(tmp_path, ORDERS, ITEMS, "--shift-to-now")
    times = dict(Event.objects.values_list("event_id", "occurred_at"))
    assert datetime.now(UTC) - times["order-A3"] < timedelta(minutes=5)
    assert times["order-A2"] - times["order-A1"] == timedelta(days=1)
    assert times["order-A3"] - times["order-A2"] == timedelta(days=49, hours=5, minutes=30)


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ("A4,ann,yesterday", "ordered_at 'yesterday' is not an ISO 8601 time"),
        ("A4,ann,", "ordered_at '' is not an ISO 8601 time"),
        ("A4,ann", "ordered_at '' is not an ISO 8601 time"),
        ("A4,ann,2023-03-01T09:00:00", "ordered_at '2023-03-01T09:00:00' has no time zone"),
        ("A4,,2023-03-01T09:00:00Z", "order_id and user_id are required"),
        (",ann,2023-03-01T09:00:00Z", "order_id and user_id are required"),
        ("A4,ann,2023-03-01T09:00:00Z", "order A4 has no usable lines"),
        (f"A1{'x' * 60},ann,2023-03-01T09:00:00Z", "has no usable lines"),
        ("A1,bob,2023-03-01T09:00:00Z", "/event_id: 409"),
    ],
)
def test_a_bad_order_is_reported_with_its_place_and_stops_no_other(
    tmp_path: Path, order: str, complaint: str
) -> None:
    summary, (said,) = replayed(tmp_path, ORDERS + order + "\n")
    assert said.startswith("orders.csv:5: ")
    assert complaint in said
    assert "3 accepted" in summary
    assert "1 rejected" in summary


@pytest.mark.parametrize(
    "line",
    [
        "A1,X,two,1.00",
        "A1,X,1,free",
        "A1,X,NaN,1",
        "A1,X,1,sNaN",
        "A1,X,0,Infinity",
        "A1,X,1e999999,10",
        "A1,X,1,-1e999999",
    ],
)
def test_an_order_with_a_line_that_cannot_be_read_is_left_out_and_the_line_reported(
    tmp_path: Path, line: str
) -> None:
    summary, (said,) = replayed(tmp_path, items=ITEMS + line + "\n")
    assert said.startswith("items.csv:6: ")
    assert "is not a number; order A1 is left out" in said
    assert "2 accepted" in summary
    assert not Event.objects.filter(event_id="order-A1").exists()


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        ("A1,,1,1.00", "/items"),
        ("A1,X,-1,1.00", "/items"),
        ("A1,X,1,-1", "/items"),
        (f"A1,{'x' * 65},1,1", "/items"),
    ],
)
def test_what_the_ingest_refuses_is_reported_at_the_order(tmp_path: Path, line: str, pointer: str) -> None:
    summary, (said,) = replayed(tmp_path, items=ITEMS + line + "\n")
    assert said.startswith("orders.csv:2: ")
    assert "2 accepted" in summary


def test_only_the_first_of_many_complaints_are_shown(tmp_path: Path) -> None:
    orders = ORDERS + "".join(f"B{number},ann,never\n" for number in range(30))
    summary, complaints = replayed(tmp_path, orders)
    assert (len(complaints), complaints[-1]) == (21, "… and 10 more")
    assert "30 rejected" in summary


@pytest.mark.parametrize(
    ("orders", "items", "complaint"),
    [
        (
            "order_id,ordered_at\n",
            ITEMS,
            r"orders\.csv lacks the columns user_id; it needs order_id, user_id",
        ),
        (ORDERS, "order_id,sku\n", r"items\.csv lacks the columns product_id, quantity, price"),
        ("", ITEMS, "lacks the columns order_id, user_id, ordered_at"),
        (ORDERS, f'order_id,product_id,quantity,price\nA1,"{"x" * 200_000}",1,1\n', "cannot be read"),
    ],
)
def test_a_file_that_is_no_history_is_refused_before_anything_is_sent(
    tmp_path: Path, orders: str, items: str, complaint: str
) -> None:
    with pytest.raises(CommandError, match=complaint):
        replayed(tmp_path, orders, items)
    assert not Event.objects.exists()


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv cannot be read"):
        call_command("replay_orders", str(tmp_path / "nowhere.csv"), str(tmp_path / "items.csv"))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("replay_orders", str(tmp_path / "orders.csv"), str(tmp_path / "orders.csv"))


def test_a_byte_order_mark_spaces_and_further_columns_are_no_matter(tmp_path: Path) -> None:
    orders = "\ufefforder_id, ignored,user_id,ordered_at\n A1 ,x, ann ,2023-01-10T09:00:00Z,and,more\n"
    summary, complaints = replayed(tmp_path, orders)
    assert (complaints, "1 accepted" in summary) == ([], True)
    assert Subject.objects.get().user_id == "ann"


def test_an_empty_history_is_no_error(tmp_path: Path) -> None:
    summary, _ = replayed(tmp_path, ORDERS.splitlines()[0] + "\n")
    assert summary.startswith("0 orders with 0 lines read")
