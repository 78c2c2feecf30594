"""docs/runbook.md as the tests read it: its entries, and what each says was seen."""

import re

from leafloaf.stack.services import REPOSITORY
from tests.docs.pages import Page

PAGE = Page(REPOSITORY / "docs" / "runbook.md")
ENTRIES = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.text, re.MULTILINE | re.DOTALL))
QUOTE = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
DIFFERENT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|\+00:00)?)?"
    r"|\d+ [A-Z][a-z]{2} \d\d:\d\d:\d\d"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d+\.\d+|(?<=backend\()\d+|\d+(?= pieces)"
)
"""Times, ids, durations, and in how many steps an erasure is done: no two runs have the same."""


def tried(title: str) -> str:
    return str(ENTRIES[title].partition("**Tried**")[2])


def tried_by(title: str) -> list[str]:
    return re.findall(r"`(test_\w+)`", tried(title))


def quoted(test: str) -> list[str]:
    """What the entry that names the test quotes, line by line; nothing when it only tells."""
    texts = [text for title in ENTRIES if test in tried_by(title) for text in QUOTE.findall(tried(title))]
    return [line for text in texts for line in text.splitlines()]


def command(line: str) -> str:
    """What was typed, without the word on when: `> close_ledger, once the event is back`."""
    return line.removeprefix("> ").partition(", ")[0]


def unseen(quotes: list[str], seen: list[str]) -> list[str]:
    """The quoted lines from the first on that was not seen, or not in this order."""
    left = iter(seen)
    for place, quote in enumerate(quotes):
        if not any(fits(quote, one) for one in left):
            return quotes[place:]
    return []


def fits(quote: str, seen: str) -> bool:
    """Whether a line is the quoted one; `…` stands for what the page leaves out."""
    if quote.startswith("> "):
        return seen == f"> {command(quote)}"
    parts = [re.escape(DIFFERENT.sub("~", part)) for part in quote.split("…")]
    return re.fullmatch(".*".join(parts), DIFFERENT.sub("~", seen)) is not None
