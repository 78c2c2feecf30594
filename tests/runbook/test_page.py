"""The page itself: alarms lead to its entries, each of which says what the others say, and what was tried exists."""

import re
from typing import Any

import pytest
import yaml

from leafloaf.stack.services import REPOSITORY

PAGE = (REPOSITORY / "docs" / "runbook.md").read_text()
RULES = REPOSITORY / "docs" / "monitoring" / "rules.yaml"
ENTRIES = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def alarms() -> dict[str, str]:
    """Each with the entry that it names."""
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    found = {
        rule["alert"]: rule["annotations"]["runbook"]
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    return {name: page.partition("#")[2] for name, page in found.items() if "runbook.md" in page}


def anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def test_every_alarm_leads_to_the_entry_that_names_it() -> None:
    entries = {anchor(title): text for title, text in ENTRIES.items()}
    astray = {name for name, entry in alarms().items() if f"`{name}`" not in entries.get(entry, "")}
    assert astray == set()


@pytest.mark.parametrize("title", ENTRIES)
def test_an_entry_says_what_whoever_is_called_wants_to_know(title: str) -> None:
    for part in ("**You see**", "**It means**", "**Do**", "**It is over**", "**Tried**"):
        assert part in ENTRIES[title]


@pytest.mark.parametrize("title", ENTRIES)
def test_what_was_tried_is_there_to_be_tried_again(title: str) -> None:
    tried = ENTRIES[title].partition("**Tried**")[2]
    here = "".join(file.read_text() for file in (REPOSITORY / "tests" / "runbook").glob("test_*.py"))
    functions = re.findall(r"`(test_\w+)`", tried)
    files = re.findall(r"`(tests/\w+/test_\w+\.py)`", tried)
    assert functions or files
    assert [name for name in functions if f"def {name}(" not in here] == []
    assert [name for name in files if not (REPOSITORY / name).exists()] == []
