"""The shapes of recommendations, in and out."""

from typing import Any

from rest_framework import serializers

from leafloaf.lib.fields import Identifier, Text, WholeInAddress
from leafloaf.lib.serializers import StrictSerializer
from leafloaf.storefront.serializers import SearchResultSerializer
from personalization.recommending.candidates import Source
from personalization.recommending.recommend import MOST_CART
from personalization.signals.people import UNHURRIED


class RecommendationsRequestSerializer(StrictSerializer):
    limit = WholeInAddress(min_value=1, max_value=100, default=20)
    cart = Text(
        max_length=65 * MOST_CART,
        required=False,
        allow_blank=True,
        help_text="SKUs in the cart, a comma between them.",
    )

    def validate_cart(self, cart: str) -> list[str]:
        skus = [sku for sku in map(str.strip, cart.split(",")) if sku]
        if len(skus) > MOST_CART:
            raise serializers.ValidationError(f"More than {MOST_CART} SKUs.", "too_many")
        return skus


class RecommendationSerializer(SearchResultSerializer):
    """A product as listed; `score` is from 0 to 1, `source` says where it comes from."""

    position = None  # type: ignore[assignment]
    highlights = None  # type: ignore[assignment]
    explanation = None  # type: ignore[assignment]
    rules = None  # type: ignore[assignment]
    size = serializers.CharField(allow_blank=True)
    source = serializers.ChoiceField([source.value for source in Source])  # type: ignore[assignment]


class RecommendationsAnswerSerializer(serializers.Serializer[Any]):
    """`list_id` is for clicks and carts to refer to, as their `search_id`; `model_version` is null before any fit.

    `status` is `off` for who allows no personalization, `no_history` for nobody and for who has done nothing yet; both
    are shown what is popular.
    """

    items = RecommendationSerializer(many=True)
    list_id = serializers.CharField()
    model_version = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(UNHURRIED)


class DismissalRequestSerializer(StrictSerializer):
    sku = Identifier(max_length=64)
    user_id = Identifier(max_length=128, required=False, allow_null=True)


class DismissalSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField()
    dismissed_at = serializers.DateTimeField()


class DismissalsAnswerSerializer(serializers.Serializer[Any]):
    items = DismissalSerializer(many=True)
