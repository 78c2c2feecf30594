"""What WCAG 2.2 AA asks of a page, as far as a program can tell: axe-core's rules, and some of our own.

axe leaves out, among others, whether the focus can be seen and whether a page reads well at 320 pixels.
"""

from itertools import pairwise
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SMALLEST_TARGET = 24

# An inline link in a sentence may be as low as its line (2.5.8).
SMALL_TARGETS = """least => [...document.querySelectorAll('button, select, input:not([type=hidden]), nav a, .tools a')]
    .filter(one => one.checkVisibility()).map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least).map(([html]) => html)"""

HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(one => Number(one.tagName[1]))"

LANDMARKS = "() => ['header', 'main', 'footer', 'h1'].map(name => document.querySelectorAll(name).length)"

FOCUS = """() => { const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
    return {name: one.outerHTML.slice(0, 80), tag: one.tagName,
            width: parseFloat(style.outlineWidth), style: style.outlineStyle,
            seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth} }"""

FOCUSABLE = """() => [...document.querySelectorAll('a[href], button, select, input:not([type=hidden])')]
    .filter(one => one.checkVisibility()).length"""


def complaints(page: Page) -> list[str]:
    """What axe-core finds, one line each."""
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


def own_complaints(page: Page) -> list[str]:
    """What axe-core does not look at."""
    said = [f"smaller than {SMALLEST_TARGET} pixels: {html}" for html in small_targets(page)]
    levels: list[int] = page.evaluate(HEADINGS)
    said += [f"h{after} after h{before}" for before, after in pairwise(levels) if after > before + 1]
    if page.evaluate(LANDMARKS) != [1, 1, 1, 1]:
        said.append("not one each of header, main, footer and h1")
    return said


def small_targets(page: Page) -> list[str]:
    found: list[str] = page.evaluate(SMALL_TARGETS, SMALLEST_TARGET)
    return found


def tab_through(page: Page) -> list[dict[str, Any]]:
    """What gets the focus, in order, from the top of the page to its end, by the Tab key alone."""
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0) }")
    count: int = page.evaluate(FOCUSABLE)
    stops = []
    for _ in range(count):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
    return stops
