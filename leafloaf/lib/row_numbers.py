"""Numbers of rows in what somebody typed or an address says."""

MOST_DIGITS = 18
"""Every number of so many digits fits into a `bigint`."""


def row_number(text: str | None) -> int | None:
    """The number, or None for whatever no row has."""
    text = text or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None
