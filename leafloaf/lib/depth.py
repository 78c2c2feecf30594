"""How deep JSON may be nested."""

from typing import Any

DEEPEST = 20
"""Lists and objects around the innermost value."""


def may_be_deeper(content: bytes) -> bool:
    """Told at a glance: hardly any body has so many lists and objects at all."""
    return content.count(b"{") + content.count(b"[") > DEEPEST


def is_deeper(value: Any, levels: int = DEEPEST) -> bool:
    """Whether a decoded value is nested deeper than that; never goes deeper itself."""
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    return any(
        is_deeper(inner, levels - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )
