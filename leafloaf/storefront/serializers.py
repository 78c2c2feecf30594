"""The shapes of the storefront's requests and answers."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from capture.records import encoder
from capture.validation import FREE_JSON_BYTES
from leafloaf.catalog.search import Sort
from leafloaf.lib import personal
from leafloaf.lib.serializers import OneOrMore, StrictSerializer


def impersonal(identifier: str) -> None:
    """Refuses an id that is personal data by itself."""
    if kind := personal.kind_of(identifier):
        raise serializers.ValidationError(
            f"This looks like {kind}; send an id that says nothing by itself.", "personal_data"
        )


class SearchFiltersSerializer(StrictSerializer):
    """What the results must have; lists of brands and categories match any, `dietary` all."""

    category = OneOrMore(required=False)
    brand = OneOrMore(required=False)
    dietary = OneOrMore(required=False)
    price_min = serializers.DecimalField(10, 2, min_value=Decimal(0), required=False)
    price_max = serializers.DecimalField(10, 2, min_value=Decimal(0), required=False)
    in_stock = serializers.BooleanField(required=False)


class SearchRequestSerializer(StrictSerializer):
    """A search; an empty query browses."""

    query = serializers.CharField(max_length=256, allow_blank=True, trim_whitespace=False)
    user_id = serializers.CharField(max_length=128, required=False, allow_null=True)
    session_id = serializers.CharField(
        max_length=128, required=False, allow_null=True, validators=[impersonal]
    )
    alpha = serializers.FloatField(min_value=0, max_value=1, required=False)
    filters = SearchFiltersSerializer(required=False)
    sort = serializers.ChoiceField([sort.value for sort in Sort], default=Sort.RELEVANCE.value)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    offset = serializers.IntegerField(min_value=0, max_value=10_000, default=0)
    recommendations = serializers.BooleanField(default=True)
    explain = serializers.BooleanField(default=False)

    def validate_filters(self, filters: dict[str, Any]) -> dict[str, Any]:
        """The search event keeps the filters as they were written, and has room for that much."""
        if len(encoder.encode(self.initial_data["filters"])) > FREE_JSON_BYTES:
            raise serializers.ValidationError(f"Larger than {FREE_JSON_BYTES} bytes.", "too_large")
        return filters


class SearchResultSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField()
    name = serializers.CharField()
    brand = serializers.CharField(allow_null=True)
    category = serializers.CharField(allow_null=True)
    price = serializers.DecimalField(10, 2, allow_null=True)
    currency = serializers.CharField()
    dietary = serializers.ListField(child=serializers.CharField())
    supplier = serializers.CharField(allow_null=True)
    in_stock = serializers.BooleanField()
    score = serializers.FloatField()
    position = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField(), default=list)


class FacetValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class FacetsSerializer(serializers.Serializer[Any]):
    category = FacetValueSerializer(many=True)
    brand = FacetValueSerializer(many=True)
    dietary = FacetValueSerializer(many=True)


class ConversationSerializer(serializers.Serializer[Any]):
    intent = serializers.CharField(source="name")
    confidence = serializers.FloatField()
    entities = serializers.DictField()


class PersonalizationSerializer(serializers.Serializer[Any]):
    applied = serializers.BooleanField()


class ExecutionSerializer(serializers.Serializer[Any]):
    """Where the time went, in milliseconds; `alpha` is the one in effect."""

    total_time_ms = serializers.FloatField(source="total_ms")
    search_ms = serializers.FloatField()
    personalization_ms = serializers.FloatField(default=0.0)
    recommendations_ms = serializers.FloatField(default=0.0)
    capture_ms = serializers.FloatField()
    cache = serializers.CharField(default="off")
    alpha = serializers.FloatField(default=0.0)


class SearchAnswerSerializer(serializers.Serializer[Any]):
    search_id = serializers.CharField()
    query = serializers.CharField(source="request.query")
    results = SearchResultSerializer(source="page.results", many=True)
    total = serializers.IntegerField(source="page.total")
    facets = FacetsSerializer(source="page.facets")
    corrected_query = serializers.CharField(source="page.corrected_query", allow_null=True)
    conversation = ConversationSerializer(source="intent")
    personalization = PersonalizationSerializer(default={"applied": False})
    recommendations = serializers.ListField(default=list)
    recommendations_status = serializers.CharField(default="off")
    execution = ExecutionSerializer(source="*")


class ProductSerializer(SearchResultSerializer):
    """One product in full."""

    score = None  # type: ignore[assignment]
    position = None  # type: ignore[assignment]
    reasons = None  # type: ignore[assignment]
    size = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    attributes = serializers.DictField()
