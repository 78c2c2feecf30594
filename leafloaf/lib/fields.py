"""Fields of JSON bodies that take what their name says, and nothing that could be read as it.

REST framework's own read `"20"` as a number, `"yes"` as true and 7 as a text, as forms need it. A program that sends
one for the other has a mistake in it, and is told.
"""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers
from rest_framework.fields import empty

CENT = Decimal("0.01")
HIGHEST_AMOUNT = Decimal("99999999.99")
IN_WORDS = re.compile(r"^[0-9]{1,8}(\.[0-9]{1,2})?\Z")
WITHOUT_NUL = {"not": {"type": "string", "pattern": "\\x00"}}
"""In JSON Schema; as a pattern of what may be in it, an empty text would need an alternative of its own."""


class Text(serializers.CharField):
    """A text as it is, spaces included; it holds no NUL, which no store could keep."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"trim_whitespace": False} | more)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Identifier(Text):
    """A text of one character at least."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"min_length": 1} | more)


class Whole(serializers.IntegerField):
    """A whole number."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            return int(data)  # JSON does not tell 20 from 20.0
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Number(serializers.FloatField):
    """Any number."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """True or false, and no word or number that is read as either: consent is not guessed."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Amount(serializers.Field[Decimal, Any, str, Any]):
    """An amount of money: a number, to the cent, or a text such as those in answers."""

    default_error_messages = {
        "invalid": 'An amount is needed, such as 5.99 or "5.99".',
        "min_value": "No amount is below 0.",
        "max_value": "The highest amount is 99999999.99.",
    }

    def to_internal_value(self, data: Any) -> Decimal:
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        if not (is_number or (isinstance(data, str) and IN_WORDS.search(data))):
            self.fail("invalid")
        amount = Decimal(str(data))
        if amount.is_nan():
            self.fail("invalid")
        if amount < 0:
            self.fail("min_value")
        if amount > HIGHEST_AMOUNT:
            self.fail("max_value")
        return amount.quantize(CENT)

    def to_representation(self, value: Decimal) -> str:
        return str(value)


class FlagInAddress(serializers.BooleanField):
    """`true` or `false` in a query string; in a form what is missing would be false, here it is the default."""

    default_empty_html = empty

    def to_internal_value(self, data: Any) -> bool:
        if data not in {"true", "false"}:
            self.fail("invalid", input=data)
        return bool(data == "true")


class WholeInAddress(serializers.IntegerField):
    """Digits in a query string."""

    def to_internal_value(self, data: Any) -> int:
        if not (isinstance(data, str) and data.isascii() and data.removeprefix("-").isdigit()):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextScheme(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Says that there is no NUL in it."""

    target_class = Text
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        found: dict[str, Any] = auto_schema._map_serializer_field(
            self.target, direction, bypass_extensions=True
        )
        # Whether it may be null is said by who called.
        return found | {"type": "string"} | WITHOUT_NUL


class AmountScheme(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = Amount

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {
            "oneOf": [
                {"type": "number", "minimum": 0, "maximum": float(HIGHEST_AMOUNT)},
                {"type": "string", "pattern": IN_WORDS.pattern.replace(r"\Z", "$")},
            ],
            "example": 8.0,
        }
