import pytest

from leafloaf.lib.row_numbers import row_number


@pytest.mark.parametrize("text", ["", None, "-1", "1.0", "٣", " 1", "9" * 19, "9" * 5000, "x"])
def test_what_no_row_has_is_no_number(text: str | None) -> None:
    assert row_number(text) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("42", 42), ("9" * 18, 10**18 - 1)])
def test_what_a_row_may_have_is_its_number(text: str, number: int) -> None:
    assert row_number(text) == number
