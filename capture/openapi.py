"""What drf-spectacular cannot see: the event vocabulary, which no DRF serializer describes."""

from typing import Any

import msgspec

from capture import events
from capture.bodies import MOST_EVENTS

REFERENCE = "#/components/schemas/{name}"


def add_event_vocabulary(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook: the body of POST /api/v1/events, from the structs themselves."""
    (event,), components = msgspec.json.schema_components([events.AnyEvent], ref_template=REFERENCE)
    result["components"]["schemas"].update(components)
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
