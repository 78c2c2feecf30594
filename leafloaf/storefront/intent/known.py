"""The names of the catalogue that a query is held against: brands, categories, dietary marks.

`Known` is plain data, so the rules need no database; `current()` is the shop's own, read again when a brand or a
category came or went, and after a minute in any case (a name that only changed).
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from django.conf import settings

from leafloaf.catalog.deadline import SearchTimeout, within
from leafloaf.catalog.models import SEPARATOR
from leafloaf.catalog.text import normalise
from leafloaf.lib.statements import fetch
from leafloaf.storefront.intent import diet

LONGEST_NAME = 5
"""Words of a brand's name that are looked for at the ends of a query."""
KEPT_SECONDS = 60.0
NAMES = """
SELECT ARRAY(SELECT name FROM catalog_brand), ARRAY(SELECT path FROM catalog_category),
       ARRAY(SELECT DISTINCT mark FROM (SELECT dietary FROM catalog_product ORDER BY id DESC LIMIT 20000) AS newest,
             unnest(newest.dietary) AS mark)
"""
STAMP = "SELECT (SELECT max(id) FROM catalog_brand), (SELECT max(id) FROM catalog_category)"
JOINS = re.compile(r"\b(?:and|et) ")


@dataclass(frozen=True)
class Known:
    """Brands by key, categories by key, the parts of category names by key, dietary marks by normalised words."""

    brands: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    shelves: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def diets(self) -> list[tuple[re.Pattern[str], str]]:
        return diet.patterns(self.marks)

    def brand(self, words: str) -> str | None:
        """The brand that is called exactly so."""
        return self.brands.get(key(words))

    def category(self, words: str) -> str | None:
        """The path of the category that is called exactly so, the highest one when there are several."""
        return self.categories.get(key(words))

    def shelf(self, words: str) -> str | None:
        """Like `category`, and also by one part of a name: `meat` of `Meat & Poultry`."""
        wanted = key(words)
        return self.categories.get(wanted) or self.shelves.get(wanted)

    def brand_at_an_end(self, words: str) -> tuple[str, int, int] | None:
        """A brand that the words begin or end with, and from which word to which; the longest."""
        every = words.split()
        for length in range(min(LONGEST_NAME, len(every)), 0, -1):
            for start in (0, len(every) - length):
                if name := self.brands.get(key(" ".join(every[start : start + length]))):
                    return name, start, start + length
        return None


def key(words: str) -> str:
    """Normalised words as names are compared: `Salt & Spruce`, `salt and spruce` are one."""
    return JOINS.sub("", words)


def of_names(brands: Iterable[str], categories: Iterable[str], marks: Iterable[str]) -> Known:
    """What is known of a catalogue with these brands, category paths and dietary marks."""
    paths = sorted(set(categories), key=lambda path: (-path.count(SEPARATOR), path), reverse=False)
    by_name: dict[str, str] = {}
    parts: dict[str, str] = {}
    for path in paths:
        levels = path.split(SEPARATOR)
        for depth in range(len(levels), 0, -1):
            above = SEPARATOR.join(levels[:depth])
            _keep_highest(by_name, key(normalise(levels[depth - 1])), above)
            for part in re.split(r"[&,/]", levels[depth - 1]):
                _keep_highest(parts, key(normalise(part)), above)
        _keep_highest(by_name, key(normalise(path)), path)
    return Known(
        {key(normalise(name)): name for name in sorted(brands, reverse=True)},
        {name: path for name, path in by_name.items() if name},
        {name: path for name, path in parts.items() if name},
        {normalise(mark): mark for mark in sorted(marks, reverse=True) if normalise(mark)},
    )


def _keep_highest(paths: dict[str, str], name: str, path: str) -> None:
    kept = paths.get(name)
    if kept is None or (path.count(SEPARATOR), path) < (kept.count(SEPARATOR), kept):
        paths[name] = path


_held: tuple[float, object, Known] | None = None


def current() -> Known:
    """What is known of the catalogue in the database.

    Raises:
        SearchTimeout: it is not known yet, and reading it took longer than a search may.
    """
    global _held
    held, stamp = _held, fetch(STAMP)[0]
    if held is None or held[1] != stamp or time.monotonic() - held[0] > KEPT_SECONDS:
        _held = held = (time.monotonic(), stamp, _read(held[2] if held else None))
    return held[2]


def _read(before: Known | None) -> Known:
    """What was known before, when reading it anew takes too long."""
    try:
        with within(settings.SEARCH_TIMEOUT_SECONDS):
            return of_names(*fetch(NAMES)[0])
    except SearchTimeout:
        if before is None:
            raise
        return before


def held() -> Known | None:
    """What this process knew last, without asking anybody; None when it never asked."""
    return _held[2] if _held else None


def forget() -> None:
    """The next query reads the names anew."""
    global _held
    _held = None
