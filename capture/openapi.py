"""What drf-spectacular cannot see: the event vocabulary, which no DRF serializer describes."""

from typing import Any

import msgspec

from capture import events
from capture.bodies import MOST_EVENTS

REFERENCE = "#/components/schemas/{name}"
DECIMAL = {"type": "string", "format": "decimal"}
AMOUNT = [
    {"type": "number", "minimum": 0, "exclusiveMaximum": float(events.LARGEST_NUMERIC)},
    {"type": "string", "pattern": r"^[0-9]{1,29}(\.[0-9]{1,9})?$"},
]


def add_event_vocabulary(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook: the body of POST /api/v1/events, from the structs themselves."""
    (event,), components = msgspec.json.schema_components([events.AnyEvent], ref_template=REFERENCE)
    result["components"]["schemas"].update(with_amounts(components))
    batch = {
        "type": "object",
        "properties": {"events": {"type": "array", "items": event, "minItems": 1, "maxItems": MOST_EVENTS}},
        "required": ["events"],
        "additionalProperties": False,
    }
    # The view says "an object"; the vocabulary says which.
    body = {"required": True, "content": {"application/json": {"schema": {"anyOf": [event, batch]}}}}
    result["paths"]["/api/v1/events"]["post"]["requestBody"] = body
    return result


def with_amounts(schema: Any) -> Any:
    """The schema with decimals as what is taken for one: a number, or its text. msgspec says the text alone."""
    if isinstance(schema, list):
        return [with_amounts(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema and DECIMAL in schema["anyOf"]:
        others = [part for part in schema["anyOf"] if part != DECIMAL]
        return schema | {"anyOf": [*AMOUNT, *others]}
    if schema.items() >= DECIMAL.items():
        return {name: part for name, part in schema.items() if name not in DECIMAL} | {"anyOf": AMOUNT}
    return {name: with_amounts(part) for name, part in schema.items()}
