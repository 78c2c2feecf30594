"""Serializers that take nothing they do not know."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from rest_framework import serializers

from leafloaf.lib.fields import WITHOUT_NUL, Identifier


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields by name: a misspelt filter must not quietly match everything."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields)):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {
                    name: serializers.ErrorDetail(f"Unknown; known are {known}.", "unknown_field")
                    for name in sorted(unknown)
                }
            )
        return super().to_internal_value(data)


class StrictScheme(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Says so of what is sent; what is answered may get new fields at any time."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        found: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return found | ({"additionalProperties": False} if direction == "request" else {})


class OneOrMore(serializers.ListField):
    """A list of texts, or one text that stands for a list of one."""

    child = Identifier(max_length=256)

    def to_internal_value(self, data: Any) -> list[Any]:
        return super().to_internal_value([data] if isinstance(data, str) else data)


class OneOrMoreScheme(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = OneOrMore

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        one = {"type": "string", "minLength": 1, "maxLength": 256} | WITHOUT_NUL
        return {"oneOf": [one, {"type": "array", "items": one}]}
