"""The page itself: alarms lead to its entries, each of which says what the others say, and what was tried exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from leafloaf.stack.services import REPOSITORY
from tests.docs.pages import anchor
from tests.runbook import page
from tests.runbook.page import ENTRIES

RULES = REPOSITORY / "docs" / "monitoring" / "rules.yaml"
HERE = REPOSITORY / "tests" / "runbook"


def alarms() -> dict[str, str]:
    """Each with the entry that it names."""
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    found = {
        rule["alert"]: rule["annotations"]["runbook"]
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    return {name: entry.partition("#")[2] for name, entry in found.items() if "runbook.md" in entry}


def test_the_page_has_as_many_entries_as_it_says() -> None:
    assert "Thirteen things" in page.PAGE.text
    assert len(ENTRIES) == 13


def test_every_alarm_leads_to_the_entry_that_names_it() -> None:
    entries = {anchor(title): text for title, text in ENTRIES.items()}
    astray = {name for name, entry in alarms().items() if f"`{name}`" not in entries.get(entry, "")}
    assert astray == set()


def test_every_alarm_that_is_named_is_one_that_leads_here() -> None:
    named = set(re.findall(r"`(LeafLoaf\w+)`", page.PAGE.text))
    assert named
    assert named <= set(alarms())


@pytest.mark.parametrize("title", ENTRIES)
def test_an_entry_says_what_whoever_is_called_wants_to_know(title: str) -> None:
    for part in ("**You see**", "**It means**", "**Do**", "**It is over**", "**Tried**"):
        assert part in ENTRIES[title]


@pytest.mark.parametrize("title", ENTRIES)
def test_what_was_tried_is_there_to_be_tried_again(title: str) -> None:
    here = "".join(file.read_text() for file in HERE.glob("test_*.py"))
    functions, files = page.tried_by(title), files_of(title)
    assert functions or files
    assert [name for name in functions if f"def {name}(duty: Duty)" not in here] == []
    assert [str(file) for file in files if not file.exists()] == []


def files_of(title: str) -> list[Path]:
    """A second one without a folder is in that of the first."""
    folder, found = HERE, list[Path]()
    for named, name in re.findall(r"`(tests/\w+/)?(test_\w+\.py)`", page.tried(title)):
        folder = REPOSITORY / named if named else folder
        found.append(folder / name)
    return found


@pytest.mark.parametrize("title", ENTRIES)
def test_what_is_quoted_was_seen_by_a_test(title: str) -> None:
    """Which `duty` compares with what the test sees."""
    quotes = page.QUOTE.findall(page.tried(title))
    assert not quotes or len(quotes) == len(page.tried_by(title)) == 1


SEEN = ["> drain --all", "redis: 25 events delivered", '{"status": "degraded", "log": {}, "notices": []}']


@pytest.mark.parametrize(
    ("quotes", "unseen"),
    [
        (["> drain --all, once more", "redis: 25 events delivered"], 0),
        (['{"status": "degraded", …, "notices": []}'], 0),
        (['{"status": "degraded", …'], 0),
        (["redis: 24 events delivered"], 1),
        (['{"status": "healthy", …'], 1),
        (["redis: 25 events delivered", "> drain --all"], 1),
        (["> drain", "redis: 25 events delivered"], 2),
    ],
)
def test_what_was_not_seen_is_noticed(quotes: list[str], unseen: int) -> None:
    assert page.unseen(quotes, SEEN) == quotes[len(quotes) - unseen :]


@pytest.mark.parametrize(
    ("quote", "seen"),
    [
        (
            "2026-11-21T20:25:50.889Z WARNING next try in 0.8 s",
            "2027-01-02T03:04:05.678Z WARNING next try in 1.2 s",
        ),
        ("bigquery on 2026-11-21: captured 25", "bigquery on 2027-01-02: captured 25"),
        ("1  2026-11-21 20:26  cart", "1  2027-01-02 03:04  cart"),
        (
            "since 21 Nov 20:37:02 UTC: pg_terminate_backend(22012)",
            "since 2 Jan 03:04:05 UTC: pg_terminate_backend(7)",
        ),
        (
            "The erasure 07cb50ac-9527-421d-8d08-22e47c9cd922 is",
            "The erasure 01a1ffd4-9162-70a7-8be4-2b4e75ee7d12 is",
        ),
        ("18 pieces of work done, 1 requests", "17 pieces of work done, 1 requests"),
    ],
)
def test_times_and_ids_differ(quote: str, seen: str) -> None:
    assert page.fits(quote, seen)
