"""The documentation holds together: links lead somewhere, and what it names is there."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser

from leafloaf.stack.services import REPOSITORY
from tests.docs import pages
from tests.docs.pages import Page

LANGUAGES = {"", "sh", "json", "text", "python", "html", "js", "sql", "yaml", "hcl", "promql", "nginx", "ini"}
RUN_OR_NOT = {"", "fails", "slow", "not run"}
"""What test_commands.py knows of a shell fence."""
MANAGE = re.compile(r"manage\.py (?P<name>[a-z_]+)(?P<rest>[^|;&#]*)")
MAKE = re.compile(r"(?:^|[;&=\w] |\b)make (?P<targets>[a-z][a-z-]*)")
FILE = re.compile(
    r"^(?:capture|personalization|privacy|leafloaf|tests|bench|docs|templates)/[\w./-]+\.(?:py|md|html|yaml|yml|js|json)$"
)
ALL = pytest.mark.parametrize("page", pages.all_pages(), ids=lambda page: page.name)


@ALL
def test_the_page_begins_with_its_title(page: Page) -> None:
    assert page.text.startswith("# ")


@ALL
def test_every_fence_says_what_it_is(page: Page) -> None:
    """Shell is `sh`, so that it is run; what is left out of that says why."""
    for fence in page.fences():
        assert fence.language in LANGUAGES, f"line {fence.line}: {fence.language}"
        assert fence.language != pages.SHELL or fence.kind in RUN_OR_NOT, f"line {fence.line}: {fence.kind}"
        if fence.language in {"", "text"}:
            shell = [line for line in fence.text.splitlines() if pages.COMMAND.match(line)]
            assert not shell, f"line {fence.line} looks like shell: {shell[0]}"


@ALL
def test_every_shell_fence_is_shell(page: Page) -> None:
    for fence in page.fences():
        if fence.language == pages.SHELL:
            read = subprocess.run(
                ["bash", "-n"], input=fence.text, capture_output=True, text=True, check=False
            )
            assert read.returncode == 0, f"line {fence.line}: {read.stderr}"


@ALL
def test_every_python_fence_is_run_by_a_test_or_says_why_not(page: Page) -> None:
    assert pages.unkept(page) == []


@ALL
def test_every_link_leads_somewhere(page: Page) -> None:
    broken = [link for link in page.links() if not leads_somewhere(page, link)]

    assert broken == []


def leads_somewhere(page: Page, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return link.startswith(("https://", "mailto:", "http://127.0.0.1:8000"))
    name, _, anchor = link.partition("#")
    path = (page.path.parent / name).resolve() if name else page.path
    if not path.exists() or not path.is_relative_to(REPOSITORY):
        return False
    return not anchor or (path.suffix == ".md" and anchor in Page(path).anchors())


def test_the_index_names_every_page() -> None:
    index = Page(pages.DOCS / "README.md")
    named = {(index.path.parent / link.partition("#")[0]).resolve() for link in index.links()}

    missing = {page.path for page in pages.all_pages()} - named - {index.path}

    assert sorted(str(path) for path in missing) == []


@ALL
def test_every_command_and_option_exists(page: Page) -> None:
    wrong = [wrong for code in page.code() for wrong in unknown_in(code)]

    assert wrong == []


def unknown_in(code: str) -> Iterator[str]:
    for match in MANAGE.finditer(code):
        name = match["name"]
        if name not in get_commands():
            yield f"manage.py {name}"
        else:
            known = options_of(name)
            yield from (
                f"{name} {o}"
                for o in re.findall(r"(?<![\w-])--[a-z][a-z-]*", match["rest"])
                if o not in known
            )


@cache
def options_of(name: str) -> frozenset[str]:
    app = get_commands()[name]
    command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    return frozenset(options_in(command.create_parser("manage.py", name)))


def options_in(parser: CommandParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):  # commands of a command
            for below in action.choices.values():
                yield from options_in(below)


@ALL
def test_every_make_target_exists(page: Page) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {match["targets"] for code in page.code() for match in MAKE.finditer(code)}

    assert named - targets == set()


@ALL
def test_every_file_that_is_named_is_there(page: Page) -> None:
    named = [code for code in page.code() if FILE.match(code)]

    assert [name for name in named if not (REPOSITORY / name).exists()] == []
