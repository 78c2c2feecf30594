"""What is known of a user, for the user."""

from dataclasses import fields
from typing import Any, NoReturn

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from leafloaf.access.identity import named_user
from leafloaf.access.permissions import HasScope
from leafloaf.lib.problems import Invalid
from personalization import person_graph, profiles
from personalization.graph import Graph
from personalization.serializers import (
    GraphAnswerSerializer,
    ProfileAnswerSerializer,
    ProfileRequestSerializer,
)
from personalization.signals import people
from personalization.signals.people import Person, Status
from privacy import gpc
from privacy.api_parameters import GPC, USER

HEADERS = [USER, GPC]
NOBODY = "Say whose: send the shop's id of the user in X-User-Id, with a secret key."
FRESH = {"Cache-Control": "no-store"}

encoder = msgspec.json.Encoder()


class ProfileView(APIView):
    """What is inferred of a user: preference scores, and the rest as far as they allow it."""

    permission_classes = (HasScope,)
    required_scope = "recommendations"

    @extend_schema(parameters=[*HEADERS, ProfileRequestSerializer], responses=ProfileAnswerSerializer)
    def get(self, request: Request) -> HttpResponse:
        asked = ProfileRequestSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        person = somebody(request)
        found = (
            profiles.OFF
            if gpc.is_on(request)
            else profiles.of(person, timezone.now(), asked.validated_data["evidence"])
        )
        told = {field.name: getattr(found, field.name) for field in fields(found)}
        if found.evidence is None:
            del told["evidence"]
        return answered(told)


class GraphView(APIView):
    """What is remembered of a user as entities, relationships and temporal patterns."""

    permission_classes = (HasScope,)
    required_scope = "recommendations"

    @extend_schema(parameters=HEADERS, responses=GraphAnswerSerializer)
    def get(self, request: Request) -> HttpResponse:
        person = somebody(request)
        status, graph = (
            (Status.OFF, Graph()) if gpc.is_on(request) else person_graph.of(person, timezone.now())
        )
        return answered(
            {"status": status} | {field.name: getattr(graph, field.name) for field in fields(graph)}
        )


def answered(told: dict[str, Any]) -> HttpResponse:
    return HttpResponse(encoder.encode(told), content_type="application/json", headers=FRESH)


def somebody(request: Request) -> Person | None:
    """The person this request asks about; None for who was never seen, which the answer must not tell.

    Raises:
        Invalid: it names no user.
    """
    return people.known(named_user(request, None) or refuse())


def refuse() -> NoReturn:
    raise Invalid(NOBODY, errors=[{"pointer": "/user_id", "code": "required", "detail": NOBODY}])
