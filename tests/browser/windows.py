"""The windows that a page is looked at in."""

import pytest

SCHEME_AND_WIDTH = ("scheme", "width")
TWO = [("light", 1440), ("dark", 400)]
"""Each colour scheme once, and each width."""
FOUR = [
    *TWO,
    pytest.param("dark", 1440, marks=pytest.mark.slow),
    pytest.param("light", 400, marks=pytest.mark.slow),
]
