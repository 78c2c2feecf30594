"""Serializers that take nothing they do not know."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


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


class OneOrMore(serializers.ListField):
    """A list of texts, or one text that stands for a list of one."""

    child = serializers.CharField(max_length=256)

    def to_internal_value(self, data: Any) -> list[Any]:
        return super().to_internal_value([data] if isinstance(data, str) else data)
