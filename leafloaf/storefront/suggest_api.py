"""As-you-type completions of a query."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access.permissions import HasScope
from leafloaf.catalog import suggest
from leafloaf.catalog.deadline import SearchTimeout
from leafloaf.catalog.text import normalise
from leafloaf.lib import personal, statements
from leafloaf.lib.fields import Text, WholeInAddress
from leafloaf.lib.serializers import StrictSerializer
from leafloaf.storefront.api import SearchTimedOut

KEPT_SECONDS = 60
"""How long a browser may keep an answer: long enough for a shopper who deletes a letter."""

# Of the longest range only; most of the searches found something.
ASKED_BEFORE = """
SELECT query, searches FROM storefront_searchquery
WHERE report_id = '30d' AND shoppers >= %s::integer AND 2 * no_results < searches
  AND position(' ' || %s::text IN ' ' || query) > 0
ORDER BY searches DESC, query LIMIT 20
"""


class SuggestRequestSerializer(StrictSerializer):
    q = Text(max_length=256, allow_blank=True)
    limit = WholeInAddress(min_value=1, max_value=20, default=8)


class SuggestionSerializer(serializers.Serializer[Any]):
    """`highlight` is pairs of characters of the text, from the first to before the second, that were typed."""

    type = serializers.ChoiceField([kind.value for kind in suggest.Kind])
    text = serializers.CharField()
    highlight = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    )
    sku = serializers.CharField(required=False, help_text="Of a product.")
    category = serializers.CharField(required=False, help_text="Of a category: its whole path.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {name: value for name, value in shown.items() if value is not None}


class SuggestAnswerSerializer(serializers.Serializer[Any]):
    query = serializers.CharField()
    suggestions = SuggestionSerializer(many=True)


class SuggestView(APIView):
    """Completions of a query while it is typed: phrases, products, categories, brands, what many have asked before."""

    permission_classes = (HasScope,)
    required_scope = "search"

    @extend_schema(parameters=[SuggestRequestSerializer], responses=SuggestAnswerSerializer)
    def get(self, request: Request) -> Response:
        asked = SuggestRequestSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query, limit = asked.validated_data["q"], asked.validated_data["limit"]
        try:
            found = suggest.suggest(query, limit=limit, asked_before=asked_before(query))
        except SearchTimeout as error:
            raise SearchTimedOut("These suggestions take too long; ask again shortly.") from error
        answer = SuggestAnswerSerializer({"query": query, "suggestions": found}).data
        return Response(answer, headers={"Cache-Control": f"private, max-age={KEPT_SECONDS}"})


def asked_before(query: str) -> list[tuple[str, int]]:
    """Past queries with a word that begins so, with how often they were made.

    Only those that enough different shoppers made, and that look like nobody's address or card.
    """
    start = normalise(query)
    if not start:
        return []
    rows = statements.fetch(ASKED_BEFORE, [settings.SEARCH_ANALYTICS_K, start])
    return [(text, searches) for text, searches in rows if not personal.kind_of(text)]
