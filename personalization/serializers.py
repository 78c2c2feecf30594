"""The shapes of what is known of one person."""

from typing import Any

from rest_framework import serializers

from leafloaf.lib.fields import FlagInAddress
from leafloaf.lib.serializers import StrictSerializer
from personalization.signals.people import UNHURRIED


class ProfileRequestSerializer(StrictSerializer):
    evidence = FlagInAddress(default=False, help_text="Whether to tell the signals behind each score.")


class ProfileHintSerializer(serializers.Serializer[Any]):
    """A guess: what it is about (`size`, `children`, `pets`), how sure it is, and what it was told from."""

    about = serializers.CharField()
    value = serializers.JSONField()
    confidence = serializers.FloatField()
    because = serializers.CharField()


class ProfileHouseholdSerializer(serializers.Serializer[Any]):
    """null: purchases do not tell."""

    size = serializers.IntegerField(allow_null=True)
    has_children = serializers.BooleanField(allow_null=True)
    has_pets = serializers.BooleanField(allow_null=True)
    hints = ProfileHintSerializer(many=True)


class ProfileEvidenceSerializer(serializers.Serializer[Any]):
    """How often a signal was given that still counts; `removed` and `disliked` count against."""

    signal = serializers.CharField()
    count = serializers.IntegerField()
    last = serializers.DateTimeField()


class ProfileAnswerSerializer(serializers.Serializer[Any]):
    """What is inferred of a user, the highest scores first, at most 100 of each kind.

    `off`: the user, or this request by `Sec-GPC`, does not allow it. `no_history`: nothing is remembered. What needs a
    consent of its own is null without it.
    """

    status = serializers.ChoiceField(UNHURRIED)
    categories = serializers.DictField(child=serializers.FloatField(), help_text="By path, from 0 to 1.")
    brands = serializers.DictField(child=serializers.FloatField())
    products = serializers.DictField(child=serializers.FloatField(), help_text="By SKU.")
    price_sensitivity = serializers.FloatField(
        allow_null=True, help_text="0: buys the dearest of each shelf; 1: the cheapest. By `price_tracking`."
    )
    dietary = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="By `household_inference`."
    )
    household = ProfileHouseholdSerializer(allow_null=True, help_text="By `household_inference`.")
    last_updated = serializers.DateTimeField(allow_null=True)
    evidence = serializers.DictField(
        child=ProfileEvidenceSerializer(many=True),
        required=False,
        help_text="By SKU, the signals behind each score; only when asked for.",
    )


class GraphEntitySerializer(serializers.Serializer[Any]):
    entity_id = serializers.CharField(help_text="`user:`, `product:`, `category:` or `brand:` and its name.")
    entity_type = serializers.ChoiceField(["user", "product", "category", "brand"])
    attributes = serializers.DictField()


class GraphRelationshipSerializer(serializers.Serializer[Any]):
    """`frequently_buys` has frequency, cycle_days, quantity and last_purchase; `prefers` has score.

    `bought_with` has orders, those with both, and share, of the orders with either.
    """

    source = serializers.CharField()  # type: ignore[assignment]
    target = serializers.CharField()
    relationship = serializers.ChoiceField(["frequently_buys", "prefers", "bought_with"])
    properties = serializers.DictField()


class GraphPatternSerializer(serializers.Serializer[Any]):
    """`confidence`: the probability of a purchase by `next_expected`."""

    user = serializers.CharField()
    pattern = serializers.ChoiceField(["reorder_cycle"])
    product = serializers.CharField()
    cycle_days = serializers.FloatField()
    confidence = serializers.FloatField()
    next_expected = serializers.DateField()


class GraphAnswerSerializer(serializers.Serializer[Any]):
    """What is remembered of a user, as a graph of their own under their pseudonym."""

    status = serializers.ChoiceField(UNHURRIED)
    entities = GraphEntitySerializer(many=True)
    relationships = GraphRelationshipSerializer(many=True)
    temporal_patterns = GraphPatternSerializer(many=True)
