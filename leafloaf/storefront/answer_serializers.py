"""The shape of a search's whole answer: its page, and what is made anew for each who asks."""

from rest_framework import serializers

from leafloaf.storefront.recommendation_serializers import RecommendationSerializer
from leafloaf.storefront.serializers import ExecutionSerializer, PageSerializer
from personalization.signals.people import Status


class SearchAnswerSerializer(PageSerializer):
    """`recommendations_status` is `off` where none were wanted or allowed, and `no_history` where nothing is known.

    A click on a recommendation refers to it by the `search_id`, like a click on a result.
    """

    search_id = serializers.CharField()
    query = serializers.CharField()
    recommendations = RecommendationSerializer(many=True)
    recommendations_status = serializers.ChoiceField([status.value for status in Status])
    execution = ExecutionSerializer()
