"""What goes with a product."""

from dataclasses import asdict
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access.permissions import HasScope
from leafloaf.catalog import products, replica
from leafloaf.lib import statements
from leafloaf.lib.fields import WholeInAddress
from leafloaf.lib.serializers import StrictSerializer
from leafloaf.storefront.serializers import SearchResultSerializer
from personalization.companions import baskets, meal_groups
from personalization.companions.baskets import Complement

KEPT_SECONDS = 60
"""How long a browser may keep an answer: what it comes from is counted as often."""
MEALS = 5
SHELF = """
    SELECT category.path FROM catalog_product AS product
        LEFT JOIN catalog_category AS category ON category.id = product.category_id
    WHERE sku = %s::text
"""


class ComplementsRequestSerializer(StrictSerializer):
    limit = WholeInAddress(min_value=1, max_value=100, default=20)


class ComplementSerializer(SearchResultSerializer):
    """A product that goes with the one asked for.

    `lift`: in how many times as many baskets the two are as chance would have them; `support`: the share of all
    baskets with both. Of the two categories, where `source` says so.
    """

    position = None  # type: ignore[assignment]
    reasons = None  # type: ignore[assignment]
    highlights = None  # type: ignore[assignment]
    explanation = None  # type: ignore[assignment]
    rules = None  # type: ignore[assignment]
    size = serializers.CharField(allow_blank=True)
    lift = serializers.FloatField()
    support = serializers.FloatField()
    reason = serializers.CharField()
    source = serializers.ChoiceField(["basket", "category"])  # type: ignore[assignment]


class MealSerializer(serializers.Serializer[Any]):
    """Three to five products, the one asked for among them, each often bought with each of the others."""

    skus = serializers.ListField(child=serializers.CharField(), source="products")
    score = serializers.FloatField()
    lift = serializers.FloatField(help_text="Of the weakest pair.")


class ComplementsAnswerSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField()
    items = ComplementSerializer(many=True)
    meals = MealSerializer(many=True)


class ComplementsView(APIView):
    """What is bought together with one product, best first: in stock, each with its reason."""

    permission_classes = (HasScope,)
    required_scope = "search"

    @extend_schema(parameters=[ComplementsRequestSerializer], responses=ComplementsAnswerSerializer)
    def get(self, request: Request, sku: str) -> Response:
        asked = ComplementsRequestSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = replica.read(partial(found_for, sku, asked.validated_data["limit"]), baskets.version)
        answer = ComplementsAnswerSerializer(found).data
        return Response(answer, headers={"Cache-Control": f"private, max-age={KEPT_SECONDS}"})


def found_for(sku: str, limit: int) -> dict[str, Any]:
    """What is answered of one product.

    Raises:
        NotFound: the shop has no such product.
    """
    return {"sku": sku, "items": complements(sku, limit), "meals": meal_groups.meals_with(sku, MEALS)}


def complements(sku: str, limit: int) -> list[dict[str, Any]]:
    """Its complements with their listings; those of its category where it has none of its own.

    Raises:
        NotFound: the shop has no such product.
    """
    known = [] if "\0" in sku else statements.fetch(SHELF, [sku])
    if not known:
        raise NotFound("There is no product with this SKU.")
    if found := baskets.complements_of([sku], limit):
        return listed(found, "basket")
    [(path,)] = known
    return listed(baskets.complements_by_category(path, limit, [sku]), "category") if path else []


def listed(found: list[Complement], source: str) -> list[dict[str, Any]]:
    listings = products.by_id(one.pk for one in found)
    return [listings[one.pk] | asdict(one) | {"source": source} for one in found if one.pk in listings]
