"""Text contrasts with what it stands on by 4.5 to 1 at least (WCAG 2.2, 1.4.3), light and dark."""

import re
from pathlib import Path

import pytest

COLOURS = Path("leafloaf/staff/static/staff/colours.css")
PAIRS = [
    ("body-fg", "body-bg"),
    ("body-quiet-color", "body-bg"),
    ("body-quiet-color", "darkened-bg"),
    ("body-medium-color", "selected-bg"),
    ("link-fg", "body-bg"),
    ("link-fg", "darkened-bg"),
    ("link-fg", "selected-row"),
    ("header-color", "header-bg"),
    ("header-link-color", "header-bg"),
    ("breadcrumbs-fg", "breadcrumbs-bg"),
    ("breadcrumbs-link-fg", "breadcrumbs-bg"),
    ("caption-fg", "caption-bg"),
    ("error-fg", "body-bg"),
    ("body-fg", "message-success-bg"),
    ("body-fg", "message-warning-bg"),
    ("body-fg", "message-error-bg"),
    *[
        ("button-fg", f"{kind}button-{state}bg")
        for kind in ("", "default-", "close-", "delete-")
        for state in ("", "hover-")
    ],
    *[
        (f"{state}-fg", f"{state}-bg")
        for state in ("healthy", "degraded", "unhealthy", "disabled", "unknown")
    ],
    *[(f"{state}-fg", "body-bg") for state in ("healthy", "unhealthy")],
]
SHAPES = [
    ("field-border", "body-bg"),
    ("focus-ring", "body-bg"),
    *[(f"chart-{line}", "body-bg") for line in (1, 2, 3, 4)],
]


def variables() -> dict[str, tuple[str, str]]:
    """Each colour's value in light and in dark."""
    found = re.findall(r"--([\w-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));", COLOURS.read_text())
    return {name: (light or only, dark or only) for name, light, dark, only in found}


def luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(front: str, back: str) -> float:
    dark, light = sorted((luminance(front), luminance(back)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_can_be_read(front: str, back: str, scheme: int) -> None:
    colours = variables()
    assert contrast(colours[front][scheme], colours[back][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), SHAPES)
def test_shapes_can_be_seen(front: str, back: str, scheme: int) -> None:
    colours = variables()
    assert contrast(colours[front][scheme], colours[back][scheme]) >= 3
