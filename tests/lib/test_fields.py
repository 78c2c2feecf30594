"""Fields of JSON bodies that guess nothing."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework import serializers

from leafloaf.lib.fields import Amount, Flag, FlagInAddress, Identifier, Number, Text, Whole, WholeInAddress


@pytest.mark.parametrize(
    ("field", "said", "meant"),
    [
        (Text(), " as it is ", " as it is "),
        (Text(allow_blank=True), "", ""),
        (Identifier(), " ", " "),
        (Whole(), 20, 20),
        (Whole(), 20.0, 20),
        (Number(), 1, 1.0),
        (Flag(), False, False),
        (Amount(), 8, Decimal("8.00")),
        (Amount(), 5.99, Decimal("5.99")),
        (Amount(), 0.1 + 0.2, Decimal("0.30")),
        (Amount(), "5.99", Decimal("5.99")),
        (WholeInAddress(), "20", 20),
        (FlagInAddress(), "true", True),
    ],
)
def test_what_is_taken(field: Any, said: Any, meant: Any) -> None:
    assert field.run_validation(said) == meant


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (Text(), 7),
        (Text(), True),
        (Text(), "nul \0"),
        (Identifier(), ""),
        (Whole(), "20"),
        (Whole(), True),
        (Whole(), 1.5),
        (Number(), "0.5"),
        (Number(), False),
        (Flag(), "yes"),
        (Flag(), 1),
        (Amount(), True),
        (Amount(), -1),
        (Amount(), 1e9),
        (Amount(), float("nan")),
        (Amount(), "5.999"),
        (Amount(), "1e3"),
        (Amount(), "5.99\n"),
        (Amount(), [5]),
        (WholeInAddress(), "1.0"),
        (WholeInAddress(), " 1"),
        (WholeInAddress(), "\u0661"),
        (FlagInAddress(), "yes"),
    ],
)
def test_what_is_refused(field: Any, said: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        field.run_validation(said)
