"""JSON that is the same bytes for everybody, so that it can be signed: RFC 8785 without fractions.

What is read is held to the same subset, and to one meaning: a key that stands twice is refused.
"""

import json
from typing import Any, NoReturn

LARGEST = 2**53 - 1
"""Whole numbers that every reader of JSON reads alike (RFC 7493, "I-JSON")."""


class NotCanonical(ValueError):
    """It has no canonical form; the text says why."""


def encode(value: Any) -> bytes:
    """The one form of a value: no space, keys in the order of their UTF-16 units, UTF-8.

    Raises:
        NotCanonical: there is a fraction, a number too large, half a surrogate pair, or what JSON does not know.
    """
    try:
        return json.dumps(ordered(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("It has half a surrogate pair in it.") from error


def decode(text: bytes) -> Any:
    """The value of a JSON text, whatever its spacing and the order of its keys.

    Raises:
        NotCanonical: it is no JSON, or none of the subset.
    """
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=unique, parse_float=no_fraction, parse_constant=no_fraction
        )
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical("It is no JSON in UTF-8.") from error
    return ordered(value)


def ordered(value: Any) -> Any:
    """The value with its keys in order, and nothing in it that has no canonical form."""
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) <= LARGEST:
            return value
        case dict() if all(isinstance(key, str) for key in value):
            return {key: ordered(value[key]) for key in sorted(value, key=utf_16)}
        case list() | tuple():
            return [ordered(item) for item in value]
        case int():
            raise NotCanonical("A number is too large to be read alike by everybody.")
    raise NotCanonical(f"A {type(value).__name__} has no canonical form.")


def utf_16(key: str) -> bytes:
    try:
        return key.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise NotCanonical("It has half a surrogate pair in it.") from error


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotCanonical("A key stands in it twice.")
    return found


def no_fraction(_: str) -> NoReturn:
    raise NotCanonical("It has a number in it that is not whole.")
