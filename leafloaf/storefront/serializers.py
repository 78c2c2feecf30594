"""The shapes of the storefront's requests and answers."""

from typing import Any

from rest_framework import serializers

from capture.records import encoder
from capture.validation import FREE_JSON_BYTES
from leafloaf.catalog.search import Sort
from leafloaf.lib import personal
from leafloaf.lib.fields import Amount, Flag, Identifier, Number, Text, Whole
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
    price_min = Amount(required=False)
    price_max = Amount(required=False)
    in_stock = Flag(required=False)


class SearchRequestSerializer(StrictSerializer):
    """A search; an empty query browses."""

    query = Text(max_length=256, allow_blank=True)
    user_id = Identifier(max_length=128, required=False, allow_null=True)
    session_id = Identifier(max_length=128, required=False, allow_null=True, validators=[impersonal])
    alpha = Number(
        min_value=0,
        max_value=1,
        required=False,
        help_text="From 0, by words alone, to 1, by meaning alone; the shop has a default.",
    )
    filters = SearchFiltersSerializer(required=False)
    sort = serializers.ChoiceField([sort.value for sort in Sort], default=Sort.RELEVANCE.value)
    limit = Whole(min_value=1, max_value=100, default=20)
    offset = Whole(min_value=0, max_value=10_000, default=0)
    recommendations = Flag(default=True)
    explain = Flag(default=False, help_text="Whether each result says what its score is made of.")

    def validate_filters(self, filters: dict[str, Any]) -> dict[str, Any]:
        """The search event keeps the filters as they were written, and has room for that much."""
        if len(encoder.encode(self.initial_data["filters"])) > FREE_JSON_BYTES:
            raise serializers.ValidationError(f"Larger than {FREE_JSON_BYTES} bytes.", "too_large")
        return filters


class HighlightSerializer(serializers.Serializer[Any]):
    """Characters of the name that hold a word looked for, from `start` to before `stop`."""

    start = serializers.IntegerField()
    stop = serializers.IntegerField()


class ScorePartSerializer(serializers.Serializer[Any]):
    """What one word of the query adds: `score` = impact x idf x weight x factor."""

    word = serializers.CharField()
    found = serializers.CharField()
    origin = serializers.ChoiceField(["word", "synonym", "spelling", "beginning", "compound"])
    impact = serializers.FloatField()
    idf = serializers.FloatField()
    weight = serializers.FloatField()
    factor = serializers.FloatField()
    is_head_noun = serializers.BooleanField()
    score = serializers.FloatField()


class ExplanationSerializer(serializers.Serializer[Any]):
    """Each part of the score: `keyword` = (sum of the parts + brand_bonus) x coverage x shelf.

    `semantic` is the likeness in meaning, `fused` both together; null where that leg has not found the product.
    """

    parts = ScorePartSerializer(many=True)
    brand_bonus = serializers.FloatField()
    coverage = serializers.FloatField()
    shelf = serializers.FloatField(help_text="More than 1 on a shelf that is called as the query is.")
    keyword = serializers.FloatField()
    semantic = serializers.FloatField(allow_null=True)
    fused = serializers.FloatField(allow_null=True)


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
    highlights = HighlightSerializer(many=True)
    explanation = ExplanationSerializer(
        required=False, allow_null=True, help_text="Only when it was asked for."
    )

    rules = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="What staff placed or weighed it by, if anything.",
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if shown.get("explanation", True) is None:
            del shown["explanation"]
        if not shown.get("rules", True):
            del shown["rules"]
        return shown


class FacetValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class FacetsSerializer(serializers.Serializer[Any]):
    category = FacetValueSerializer(many=True)
    brand = FacetValueSerializer(many=True)
    dietary = FacetValueSerializer(many=True)


class ActSerializer(serializers.Serializer[Any]):
    """One step of what a shopper wants done with the order."""

    intent = serializers.CharField(source="name")
    entities = serializers.DictField()


class ConversationSerializer(serializers.Serializer[Any]):
    """What was meant; `rule` is what decided it, `acts` the steps of an order."""

    intent = serializers.CharField(source="name")
    confidence = serializers.FloatField()
    entities = serializers.DictField()
    rule = serializers.CharField()
    acts = ActSerializer(many=True)


class RelaxedSerializer(serializers.Serializer[Any]):
    """Words that not every result has, how many results have every word, and filters understood but given up."""

    dropped = serializers.ListField(child=serializers.CharField())
    full = serializers.IntegerField()
    filters = serializers.ListField(child=serializers.CharField())


class AppliedFiltersSerializer(serializers.Serializer[Any]):
    """What was understood in the query's words and holds for the results, beside the filters that were asked for."""

    dietary = serializers.ListField(child=serializers.CharField(), required=False)
    price_min = serializers.DecimalField(10, 2, required=False)
    price_max = serializers.DecimalField(10, 2, required=False)


class PersonalizationSerializer(serializers.Serializer[Any]):
    applied = serializers.BooleanField()


class ExecutionSerializer(serializers.Serializer[Any]):
    """Where the time went, in milliseconds; `alpha` is the one in effect.

    `semantic` is `used`, `off` when the query needed none, or `absent` when this shop has no vectors. `stale` is there,
    and true, only while the database is away: the page was kept within the last ten minutes.
    """

    total_time_ms = serializers.FloatField()
    search_ms = serializers.FloatField()
    personalization_ms = serializers.FloatField()
    recommendations_ms = serializers.FloatField()
    capture_ms = serializers.FloatField()
    cache = serializers.ChoiceField(["hit", "miss", "off"])
    alpha = serializers.FloatField()
    semantic = serializers.ChoiceField(["used", "off", "absent"])
    stale = serializers.BooleanField(required=False)


class PageSerializer(serializers.Serializer[Any]):
    """What is the same for all who ask the same."""

    results = SearchResultSerializer(source="page.results", many=True)
    total = serializers.IntegerField(source="page.total")
    is_estimated = serializers.BooleanField(
        source="page.is_estimated",
        help_text="Whether total and facets are of last night's count, or of a part.",
    )
    facets = FacetsSerializer(source="page.facets")
    corrected_query = serializers.CharField(source="page.corrected_query", allow_null=True)
    relaxed = RelaxedSerializer(allow_null=True)
    applied_filters = AppliedFiltersSerializer(source="applied")
    conversation = ConversationSerializer(source="intent")
    personalization = PersonalizationSerializer(default={"applied": False})


class ProductSerializer(SearchResultSerializer):
    """One product in full."""

    score = None  # type: ignore[assignment]
    position = None  # type: ignore[assignment]
    reasons = None  # type: ignore[assignment]
    highlights = None  # type: ignore[assignment]
    explanation = None  # type: ignore[assignment]
    rules = None  # type: ignore[assignment]
    size = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    attributes = serializers.DictField()
