"""What is said of each operation: `texts/*.yaml`, one file for each tag, and `texts/info.md` of the whole."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "texts"
ORDER = ("search", "events", "people", "privacy", "health")


class Undescribed(LookupError):
    """An operation that nothing is said of."""


@cache
def _files() -> list[dict[str, Any]]:
    return [yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in ORDER]


def info() -> str:
    return (FOLDER / "info.md").read_text(encoding="utf-8").strip()


def tags() -> list[dict[str, str]]:
    return [file["tag"] for file in _files()]


@cache
def operations() -> dict[str, dict[str, Any]]:
    """By method and path, such as `GET /api/v1/suggest`."""
    return {
        name: text | {"tag": file["tag"]["name"]}
        for file in _files()
        for name, text in file["operations"].items()
    }


def of(method: str, path: str) -> dict[str, Any]:
    """What is said of one operation.

    Raises:
        Undescribed: nothing is.
    """
    name = f"{method.upper()} {path}"
    try:
        return operations()[name]
    except KeyError as error:
        raise Undescribed(f"Say in {FOLDER} what {name} is.") from error
