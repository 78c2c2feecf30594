"""What a user is about to buy again."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access import identity
from leafloaf.access.permissions import HasScope
from leafloaf.lib.fields import WholeInAddress
from leafloaf.lib.serializers import StrictSerializer
from personalization.recommending import reorders
from personalization.signals import people
from privacy import gpc
from privacy.api_parameters import GPC, USER_IF_ANY


class ReorderRequestSerializer(StrictSerializer):
    limit = WholeInAddress(min_value=1, max_value=100, default=20)


class ReorderItemSerializer(serializers.Serializer[Any]):
    """A product that the user bought in at least two orders.

    `confidence`: the probability of a purchase by `next_expected`, which is never past; `p7`, `p14`, `p30`: within so
    many days. `overdue`: the usual cycle is over by a quarter and two days at least; `due`: within two days.
    """

    sku = serializers.CharField()
    name = serializers.CharField()
    cycle_days = serializers.FloatField(help_text="Days between two purchases, on average.")
    confidence = serializers.FloatField()
    last_purchase = serializers.DateTimeField()
    next_expected = serializers.DateTimeField()
    p7 = serializers.FloatField()
    p14 = serializers.FloatField()
    p30 = serializers.FloatField()
    typical_quantity = serializers.FloatField()
    status = serializers.ChoiceField([status.value for status in reorders.Status])
    reason = serializers.CharField()


class ReorderAnswerSerializer(serializers.Serializer[Any]):
    """`status`: `off` when the user does not allow it or none is named, `no_history` when nothing was bought twice."""

    status = serializers.ChoiceField(people.UNHURRIED, source="outcome")
    items = ReorderItemSerializer(many=True)


class ReorderView(APIView):
    """What the user buys again and when, the likeliest within a week first."""

    permission_classes = (HasScope,)
    required_scope = "recommendations"

    @extend_schema(parameters=[ReorderRequestSerializer, USER_IF_ANY, GPC], responses=ReorderAnswerSerializer)
    def get(self, request: Request) -> Response:
        asked = ReorderRequestSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        user_id = identity.named_user(request, None)
        found = answered(None if gpc.is_on(request) else user_id, asked.validated_data["limit"])
        answer = ReorderAnswerSerializer(found).data
        return Response(answer, headers={"Cache-Control": "private, no-store"})


def answered(user_id: str | None, limit: int) -> reorders.Answer:
    if user_id is None:
        return reorders.Answer(people.Status.OFF, [])
    return reorders.answer(people.known(user_id), timezone.now(), limit)
