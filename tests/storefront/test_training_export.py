"""What leaves for training: searches of who allows it, with nothing that leads to anybody, the same every time."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from leafloaf.catalog.models import Product
from privacy.models import Subject
from tests.calls import cart, interaction, order, search
from tests.storefront.training import (
    DAY,
    NOON,
    NOW,
    K,
    allow,
    capture,
    exported,
    manifest,
    rows,
    searched,
    shop,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(settings: Settings) -> Iterator[None]:
    yield from shop(settings)


# Rows and lessons


def test_a_row_is_a_search_with_what_the_same_person_did_next(tmp_path: Path) -> None:
    search_id = searched()
    capture(
        interaction(user_id="user_1", search_id=search_id, product_id="COW"), at=NOON + timedelta(hours=11)
    )
    capture(cart(user_id="user_1", search_id=search_id, product_id="OAT"), at=NOON + timedelta(hours=13))
    items = [{"product_id": sku, "quantity": 1, "price": 4.5} for sku in ("OAT", "EGG")]
    capture(order(user_id="user_1", items=items), at=NOON + timedelta(hours=14))
    exported(tmp_path)
    assert rows(tmp_path) == [
        {
            "schema_version": 1,
            "day": DAY.isoformat(),
            "query": "oat milk",
            "intent": "product_search",
            "shown": ["OAT", "COW", "EGG"],
            "clicked": ["COW"],
            "added": ["OAT"],
            "bought": ["OAT"],
        }
    ]


def test_lessons_teach_what_was_meant_and_what_was_chosen(tmp_path: Path) -> None:
    search_id = searched(query="oat milk under $5")
    capture(interaction(user_id="user_1", search_id=search_id, product_id="COW"))
    capture(cart(user_id="user_1", search_id=search_id, product_id="OAT"))
    searched(query="show my order", intent="view_order", result_skus=[])
    exported(tmp_path)
    lessons = rows(tmp_path, "lessons.jsonl")
    assert {lesson["task"] for lesson in lessons} == {"intent", "product"}
    assert all([said["role"] for said in lesson["messages"]] == ["user", "assistant"] for lesson in lessons)
    answers = [json.loads(lesson["messages"][1]["content"]) for lesson in lessons]
    assert {"sku": "OAT"} in answers
    assert {"intent": "view_order", "entities": {}} in answers
    (asked,) = [lesson["messages"][0]["content"] for lesson in lessons if lesson["task"] == "product"]
    offered = json.loads(asked.partition("Products: ")[2])
    assert [one["name"] for one in offered] == ["Oat Milk", "Whole Milk 2%", "Large Eggs"]


def test_no_lesson_is_made_of_a_query_that_lost_a_word_or_that_was_read_otherwise(tmp_path: Path) -> None:
    first = searched(query="oat milk for zelda")
    second = searched(query="oat milk", intent="recipe")
    for search_id in (first, second):
        capture(cart(user_id="user_1", search_id=search_id, product_id="OAT"))
    exported(tmp_path)
    assert {row["query"] for row in rows(tmp_path)} == {"oat milk for [word]", "oat milk"}
    assert [lesson["task"] for lesson in rows(tmp_path, "lessons.jsonl")] == ["product"]
    assert manifest(tmp_path)["rows_with_marks"] == 1


def test_what_somebody_else_did_with_a_search_id_is_not_told(tmp_path: Path) -> None:
    search_id = searched()
    capture(cart(user_id="user_2", search_id=search_id), cart(search_id=search_id, session_id="s"))
    exported(tmp_path)
    assert [row["added"] for row in rows(tmp_path)] == [[]]


def test_a_purchase_counts_within_a_day_of_the_search(tmp_path: Path) -> None:
    early, late = searched(at=NOON), searched(at=NOON + timedelta(hours=6))
    for search_id in (early, late):
        capture(cart(user_id="user_1", search_id=search_id, product_id="OAT"), at=NOON + timedelta(hours=6))
    items = [{"product_id": "OAT", "quantity": 1, "price": 4.5}]
    capture(order(user_id="user_1", items=items), at=NOON + timedelta(hours=28))
    exported(tmp_path)
    assert sorted(row["bought"] for row in rows(tmp_path)) == [[], ["OAT"]]


# Who is in it


def test_who_names_nobody_or_allows_nothing_stays_in_the_log(tmp_path: Path) -> None:
    for user in ("user_1", "user_2", "user_3", "user_4"):
        searched(user)
    searched(None, session_id="s-1")
    allow("user_2", personalization_enabled=False)
    allow("user_3", search_history=False)
    Subject.objects.filter(user_id="user_4").update(state=Subject.State.FENCED)
    exported(tmp_path)
    assert len(rows(tmp_path)) == 1
    found = manifest(tmp_path)
    left_out = {reason: count for reason, count in found["left_out"].items() if count}
    assert (found["searches"], left_out) == (5, {"nobody": 1, "no_consent": 2, "erased": 1})


def test_consent_counts_as_it_is_at_the_time_of_the_export(tmp_path: Path) -> None:
    searched()
    exported(tmp_path / "before")
    allow("user_1", search_history=False)
    exported(tmp_path / "after")
    assert (len(rows(tmp_path / "before")), rows(tmp_path / "after")) == (1, [])


def test_purchases_need_consent_of_their_own(tmp_path: Path) -> None:
    search_id = searched()
    capture(cart(user_id="user_1", search_id=search_id, product_id="OAT"))
    capture(order(user_id="user_1", items=[{"product_id": "OAT", "quantity": 1, "price": 1}]))
    allow("user_1", purchase_history=False)
    exported(tmp_path)
    assert [(row["added"], row["bought"]) for row in rows(tmp_path)] == [(["OAT"], [])]


def test_nothing_is_older_than_its_person_keeps_data(tmp_path: Path, settings: Settings) -> None:
    searched("user_1")
    searched("user_2")
    allow("user_2", data_retention_days=2)
    capture(
        search(user_id="user_3", intent="product_search", timestamp=(NOON - timedelta(days=9)).isoformat())
    )
    searched("user_3")
    allow("user_3", data_retention_days=7)
    exported(tmp_path)
    assert (len(rows(tmp_path)), manifest(tmp_path)["left_out"]["too_old"]) == (2, 2)
    settings.RAW_EVENT_RETENTION_DAYS = 2
    exported(tmp_path / "later")
    assert rows(tmp_path / "later") == []


# What is in it


def test_a_word_is_told_once_enough_people_used_it(tmp_path: Path) -> None:
    for number in range(K):
        searched(f"user_{number}", "kombucha zelda" if number else "kombucha")
    searched(f"user_{K}", "skyr")
    searched(f"user_{K}", "skyr")
    exported(tmp_path)
    assert sorted(row["query"] for row in rows(tmp_path)) == [
        "kombucha",
        "kombucha [word]",
        "kombucha [word]",
    ]
    assert manifest(tmp_path)["left_out"]["scrubbed_away"] == 2


def test_a_small_number_is_how_many_and_a_greater_one_needs_a_crowd(tmp_path: Path) -> None:
    searched(query="12 eggs 3 loaves milk 451")
    exported(tmp_path)
    assert [row["query"] for row in rows(tmp_path)] == ["12 eggs 3 loaves milk [number]"]


def test_who_does_not_allow_it_is_no_part_of_a_crowd(tmp_path: Path) -> None:
    for number in range(K):
        searched(f"user_{number}", "kombucha milk")
    for number in range(K):
        searched(None, "kombucha", session_id=f"s-{number}")
    allow("user_0", search_history=False)
    exported(tmp_path)
    assert {row["query"] for row in rows(tmp_path)} == {"[word] milk"}


def test_a_person_with_a_mark_in_every_field_is_not_in_the_export(tmp_path: Path) -> None:
    """Every text of the person, and every number that could carry one, is random; none of it comes out."""
    marks: list[str] = []

    def mark() -> str:
        marks.append(uuid.uuid4().hex)
        return marks[-1]

    def number() -> int:
        marks.append(str(uuid.uuid4().int % 10**15 + 10**15))
        return int(marks[-1])

    def common() -> dict[str, Any]:
        return {"user_id": user, "session_id": mark(), "event_id": mark(), "metadata": {mark(): mark()}}

    user, search_id = mark(), mark()
    listed = [mark(), "OAT", mark()]
    query = f"oat milk {mark()} {number()} {mark()}@{mark()}.com {mark()}.com {mark()}%"
    capture(
        search(
            **common(), query=query, search_id=search_id, intent=mark(), results_count=number(), categories=[mark()],
            suppliers=[mark()], result_skus=listed, filters={mark(): mark()}, response_time_ms=number(),
        ),
        search(**common(), query="oat milk", search_id=mark(), intent="product_search", result_skus=listed),
        interaction(
            **common(), search_id=search_id, product_id=mark(), product_name=mark(), category=mark(), brand=mark(),
            context={mark(): mark()}, position=number(),
        ),
        cart(**common(), search_id=search_id, product_id=mark(), quantity=number(), price=number()),
        cart(**common(), search_id=search_id, product_id="OAT", quantity=number()),
        order(
            **common(), order_id=mark(), total_value=number(), delivery={"to": mark()}, discounts=[mark()],
            items=[{"product_id": one, "quantity": number(), "price": number(), "category": mark()} for one in listed],
        ),
    )  # fmt: skip
    marks += [str(Subject.objects.get(user_id=user).pk), Subject.objects.get(user_id=user).pk.hex]
    exported(tmp_path)
    written = "".join(path.name + path.read_text() for path in tmp_path.iterdir())
    assert len(rows(tmp_path)) == 2
    assert [mark for mark in marks if mark in written] == []
    assert NOON.isoformat()[11:16] not in written


HOSTILE = [
    '"}\n{"query": "oat milk"',
    "=cmd|' /C calc'!A0 milk",
    "+1+1 milk",
    "@SUM(1,2) milk",
    "oat\u2028milk\u2029\r\n\x00milk".replace("\x00", ""),
    "</script><script>alert(1)</script> milk",
    "milk\\",
    "[email] milk",
    "{{7*7}} milk",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_no_query_breaks_out_of_its_row(tmp_path: Path, query: str) -> None:
    Product.objects.filter(sku="OAT").update(name='Milk"}]\nQuery: =1+1')
    search_id = searched(query=query)
    capture(cart(user_id="user_1", search_id=search_id, product_id="OAT"))
    exported(tmp_path)
    (row,) = rows(tmp_path)
    assert row["query"][0] not in "=+-@\t\r"
    assert not set(row["query"]) & set("\"'<>{}\\\n\r\u2028\u2029=")
    for lesson in rows(tmp_path, "lessons.jsonl"):
        assert lesson["messages"][0]["content"].count("\n") == (2 if lesson["task"] == "product" else 1)


def test_searches_do_not_come_in_the_order_of_the_log(tmp_path: Path) -> None:
    for number in range(40):
        searched("user_1", f"{number} eggs", at=NOON + timedelta(seconds=number))
    exported(tmp_path)
    numbers = [int(row["query"].split()[0]) for row in rows(tmp_path)]
    assert sorted(numbers) == list(range(40))
    assert numbers != sorted(numbers)


def test_the_same_day_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for number in range(30):
        searched(f"user_{number % 5}", ["oat milk", "eggs zelda", "milk 2%"][number % 3])
    first, again = exported(tmp_path / "first"), exported(tmp_path / "again", now=NOW + timedelta(minutes=1))
    assert first.total() == again.total()
    files = sorted(path.name for path in first.folder.iterdir())
    assert files == sorted(path.name for path in again.folder.iterdir())
    assert all((first.folder / name).read_bytes() == (again.folder / name).read_bytes() for name in files)


def test_one_intent_alone_is_what_it_is_among_all(tmp_path: Path) -> None:
    searched()
    searched(query="where is my order", intent="view_order")
    searched(query="oat milk", intent="an intent of somebody else")
    exported(tmp_path / "all")
    exported(tmp_path / "one", ("view_order",))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "all" / path.name).read_bytes()
    assert len(rows(tmp_path / "one")) == 1
    assert manifest(tmp_path / "all", "unlabelled")["rows"] == 1


def test_every_search_is_a_row_or_has_a_reason(tmp_path: Path) -> None:
    for number in range(12):
        searched(f"user_{number % 4}", ["oat milk", "zelda", "", "milk 2%"][number % 4])
    allow("user_1", search_history=False)
    day = exported(tmp_path)
    total = day.total()
    assert total["searches"] == 12
    assert total["rows"] + sum(total[reason] for reason in manifest(tmp_path)["left_out"]) == 12
    described = manifest(tmp_path)["files"]
    assert [one["rows"] for one in described] == [len(rows(tmp_path)), len(rows(tmp_path, "lessons.jsonl"))]
