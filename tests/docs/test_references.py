"""The pages that follow from the code are what the code says: `make openapi` would change nothing."""

import re
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.contrib import admin
from django.utils.module_loading import import_string
from pytest_django import Settings

from leafloaf.reference import admin_page, commands_page, settings_page
from leafloaf.staff import dashboards

DOCS: Path = configured.BASE_DIR / "docs"
EXAMPLE = """
# --- Core ---------------------------------------------
# What it
# is for.
#VARIABLE=example
"""


@pytest.mark.parametrize("name", configured.REFERENCE_PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    written = import_string(configured.REFERENCE_PAGES[name])()

    assert written == (DOCS / name).read_text(encoding="utf-8"), "run `make openapi`"


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> Path:
    (tmp_path / "leafloaf").mkdir()
    (tmp_path / ".env.example").write_text(EXAMPLE)
    settings.BASE_DIR = tmp_path
    return tmp_path


def row(repository: Path, reading: str) -> list[str]:
    (repository / "leafloaf" / "settings.py").write_text(f"X = {reading}\n")
    (found,) = re.findall(r"^\| `VARIABLE` .*$", settings_page.page(), re.MULTILINE)
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


@pytest.mark.parametrize(
    ("reading", "takes", "default"),
    [
        ('env.boolean("VARIABLE", False)', "true or false", "`false`"),
        ('env.boolean("VARIABLE", not DEBUG)', "true or false", "`true`; with `DEBUG` `false`"),
        ('env.number("VARIABLE", "5", minimum="1", maximum="9")', "number, 1 to 9", "`5`"),
        ('env.text("VARIABLE")', "text", "**required**; e.g. `example`"),
        ('env.words("VARIABLE", "a,b" if DEBUG else "")', "words, with commas", "none; with `DEBUG` `a,b`"),
        ('env.choice("VARIABLE", ("A", "B"), "A")', "one of `A`, `B`", "`A`"),
        (
            'env.url("VARIABLE", ("http",), OTHER or "http://x")',
            "address, `http://`",
            "that of `OTHER`, else `http://x`",
        ),
    ],
)
def test_a_variable_is_told_as_it_is_read(repository: Path, reading: str, takes: str, default: str) -> None:
    assert row(repository, reading) == ["What it is for.", takes, default]


def test_a_variable_that_the_example_does_not_explain_is_refused(repository: Path) -> None:
    with pytest.raises(ValueError, match=r"does not say what these are: ANOTHER"):
        row(repository, 'env.text("VARIABLE"), env.text("ANOTHER")')


def test_a_variable_that_nobody_reads_is_refused(repository: Path) -> None:
    with pytest.raises(ValueError, match=r"Nobody reads these variables of .env.example: VARIABLE"):
        row(repository, "5")


def test_every_dashboard_and_list_and_page_of_the_admin_is_told() -> None:
    page = admin_page.page()

    for dashboard in dashboards.configured():
        assert f"/admin/dashboards/{dashboard.slug}/" in page
    for model in admin.site._registry:
        assert f"`/admin/{model._meta.app_label}/{model._meta.model_name}/`" in page
    assert "|  |" not in page


def test_a_list_says_who_sees_it_and_who_may_do_what() -> None:
    (letters,) = re.findall(r"^\| \*\*Dead letters\*\*.*$", admin_page.page(), re.MULTILINE)

    assert letters.endswith(
        "| Operator | nobody | *Replay selected…*: Operator; *Discard selected…*: Operator |"
    )


def test_a_command_is_told_with_what_it_takes() -> None:
    page = commands_page.page()

    assert "\n### use_predictions\n\n`use_predictions VERSION [--because BECAUSE]`\n" in page
    assert "| `--dry-run` | say what would be dropped, and change nothing |" in page
