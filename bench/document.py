"""Tables in docs/benchmarks.md, between `<!-- begin name -->` and `<!-- end name -->`."""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.figures import Table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


class MissingBlock(ValueError):
    """The page has no place for a table."""


def rendered(table: Table) -> str:
    """The table as Markdown."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    lines += ["| " + " | ".join(row) + " |" for row in table.rows]
    return "\n".join(lines + [f"\n{note}" for note in table.notes])


def write(page: Path, blocks: Mapping[str, str]) -> None:
    text = page.read_text()
    for name, block in blocks.items():
        text = replaced(text, name, block)
    page.write_text(text)


def replaced(text: str, name: str, block: str) -> str:
    """The text with one block's content exchanged.

    Raises:
        MissingBlock: see there.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise MissingBlock(f"The page has no block {begin} … {end}.")
    return pattern.sub(lambda _: f"{begin}\n\n{block}\n\n{end}", text)
