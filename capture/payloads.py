"""What an event says, laid out for staff; or only its shape, where what it says is somebody's."""

import json
from typing import Any

from capture import events

KINDS: dict[type, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "yes or no",
    type(None): "nothing",
}
KNOWN = frozenset(field for kind in events.TYPES.values() for field in kind.__struct_fields__)
OTHER = "another field"


def laid_out(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def shape(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """The names of the fields and of what kind each is; a name that is not the vocabulary's might tell something."""
    return [(name if name in KNOWN else OTHER, kind_of(value)) for name, value in payload.items()]


def shape_of(text: str) -> list[tuple[str, str]]:
    return shape(json.loads(text))


def kind_of(value: object) -> str:
    if isinstance(value, list):
        return f"list of {len(value)}"
    return KINDS.get(type(value), "object")
