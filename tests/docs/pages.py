"""The documentation as the tests read it: pages, their fences, links and headings."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from leafloaf.stack.services import REPOSITORY

DOCS = REPOSITORY / "docs"
SHELL, PYTHON = "sh", "python"
OPENING = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>.*)$")
REMARK = re.compile(r"^ *<!-- (?P<kind>not run|fails|slow|run): (?P<why>.+) -->$")
HEADING = re.compile(r"^#{1,6} (?P<title>.+)$")
LINK = re.compile(r"\]\((?P<target>[^()\s]+)\)|(?:src|href)=\"(?P<attribute>[^\"]+)\"")
COMMAND = re.compile(
    r"^\s*(\$ |sudo |cd |export |curl |make |git |pip |uv |python3? |bash |psql |redis-cli |openssl |docker |gcloud |"
    r"terraform |promtool |k6 |npm |granian |celery |manage\.py |\S*\.venv\S*/bin/|\./)"
)
"""A line that somebody would type."""
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Fence:
    """A block of code. `kind` is what the line above it says of it: `not run`, `run`, `fails`, `slow`, or nothing.

    `why` gives the reason or, of one that is `run`, the test that does it.
    """

    line: int
    language: str
    text: str
    kind: str = ""
    why: str = ""


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def fences(self) -> list[Fence]:
        return list(_fences(self.text))

    def prose(self) -> str:
        """The page without its fences; lines keep their places."""
        lines = self.text.splitlines()
        for fence in self.fences():
            end = fence.line + len(fence.text.splitlines()) + 1
            lines[fence.line - 1 : end] = [""] * (end - fence.line + 1)
        return "\n".join(lines)

    def links(self) -> list[str]:
        prose = CODE.sub("", self.prose())
        return [match["target"] or match["attribute"] for match in LINK.finditer(prose)]

    def code(self) -> list[str]:
        """What stands between backticks, and each line of a shell fence, continued ones joined."""
        shell = [fence.text.replace("\\\n", " ") for fence in self.fences() if fence.language == SHELL]
        return CODE.findall(self.prose()) + [line for text in shell for line in text.splitlines()]

    def anchors(self) -> set[str]:
        titles = [match["title"] for line in self.prose().splitlines() if (match := HEADING.match(line))]
        return {anchor(title) for title in titles}


def run_by(test: str, name: str) -> list[str]:
    """The fences of a page that say that this test, a file's path, runs them."""
    own = str(Path(test).relative_to(REPOSITORY))
    found = [fence for fence in Page(REPOSITORY / name).fences() if fence.kind == "run" and fence.why == own]
    return [fence.text for fence in found]


def unkept(page: Page) -> list[str]:
    """Python that nobody runs and that does not say why, by its line. Who runs it names the page."""
    return [
        f"line {fence.line}: {fence.kind} {fence.why}".rstrip(": ")
        for fence in page.fences()
        if fence.language == PYTHON and fence.kind != "not run" and not is_run(fence, page)
    ]


def is_run(fence: Fence, page: Page) -> bool:
    test = REPOSITORY / fence.why
    is_test = fence.kind == "run" and test.is_file() and test.is_relative_to(REPOSITORY / "tests")
    return is_test and page.path.name in test.read_text(encoding="utf-8")


@cache
def all_pages() -> tuple[Page, ...]:
    return tuple(Page(path) for path in [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))])


def _fences(text: str) -> Iterator[Fence]:
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if opening := OPENING.match(lines[number]):
            end = _end(lines, number, opening["ticks"])
            body = textwrap.dedent("\n".join(lines[number + 1 : end]))
            remark = REMARK.match(lines[number - 1]) if number else None
            kind, why = (remark["kind"], remark["why"]) if remark else ("", "")
            yield Fence(number + 1, opening["language"].strip(), body, kind, why)
            number = end
        number += 1


def _end(lines: list[str], start: int, ticks: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == ticks:
            return number
    raise ValueError(f"The fence of line {start + 1} has no end.")


def anchor(title: str) -> str:
    """As GitHub makes it: small letters, digits and hyphens."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
