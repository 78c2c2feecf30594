"""Recommendations of a user, and what they never want to see again."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access.identity import named_user
from leafloaf.access.permissions import HasScope
from leafloaf.catalog import products
from leafloaf.lib.problems import Invalid
from leafloaf.storefront.recommendation_serializers import (
    DismissalRequestSerializer,
    DismissalsAnswerSerializer,
    DismissalSerializer,
    RecommendationsAnswerSerializer,
    RecommendationsRequestSerializer,
)
from personalization.recommending import dismissals, exposures, recommend
from personalization.recommending.recommend import Item, Recommendations
from personalization.signals import people
from personalization.signals.people import Person
from privacy import consent, gpc, subjects
from privacy.api import BeingErased
from privacy.api_parameters import GPC, USER, USER_IF_ANY

SURFACE = "recommendations"
FRESH = {"Cache-Control": "no-store"}
NOBODY = (
    "Say whose dismissals: send the shop's id of the user in X-User-Id, with a secret key, or a user token."
)

encoder = msgspec.json.Encoder(decimal_format="string")


class RecommendationsView(APIView):
    """Products for the user, best first; for nobody known, and for who allows no more, what is popular."""

    permission_classes = (HasScope,)
    required_scope = "recommendations"

    @extend_schema(
        parameters=[RecommendationsRequestSerializer, USER_IF_ANY, GPC],
        responses=RecommendationsAnswerSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = RecommendationsRequestSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given, now = asked.validated_data, datetime.now(UTC)
        person = allowed(request, people.known(named_user(request, None)))
        found = recommend.for_person(person, now, given["limit"], given.get("cart", ()))
        exposures.record(found, subject_of(person), SURFACE, now)
        return HttpResponse(encoder.encode(shown(found)), content_type="application/json", headers=FRESH)


class DismissalsView(APIView):
    """Products that a user never wants to be recommended again."""

    permission_classes = (HasScope,)
    required_scope = "recommendations"

    @extend_schema(parameters=[USER], responses=DismissalsAnswerSerializer)
    def get(self, request: Request) -> Response:
        person = people.known(somebody(request, None))
        listed = dismissals.listed(person.subject_id) if person else []
        items = [{"sku": sku, "dismissed_at": at} for sku, at in listed]
        return Response(DismissalsAnswerSerializer({"items": items}).data, headers=FRESH)

    @extend_schema(
        parameters=[USER],
        request=DismissalRequestSerializer,
        responses={201: DismissalSerializer},
    )
    def post(self, request: Request) -> Response:
        asked = DismissalRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        sku, user_id = asked.validated_data["sku"], somebody(request, asked.validated_data.get("user_id"))
        if sku not in products.listings([sku]):
            complaint = "There is no product with this SKU."
            raise Invalid(complaint, errors=[{"pointer": "/sku", "code": "unknown", "detail": complaint}])
        at = dismiss(user_id, sku)
        return Response(DismissalSerializer({"sku": sku, "dismissed_at": at}).data, status=201, headers=FRESH)


def dismiss(user_id: str, sku: str) -> datetime:
    """When the user first dismissed the product, which may be now.

    Raises:
        BeingErased: nothing of them is kept.
    """
    if subject_id := subjects.resolve([user_id]).get(user_id):
        with suppress(consent.Erased):
            return dismissals.add(subject_id, sku)
    raise BeingErased("This user is being erased; nothing is kept of them.")


class DismissalView(APIView):
    """One of them, to take it back."""

    permission_classes = (HasScope,)
    required_scope = "recommendations"

    @extend_schema(parameters=[USER], responses={204: OpenApiResponse(description="Taken back.")})
    def delete(self, request: Request, sku: str) -> Response:
        person = people.known(somebody(request, None))
        if person is None or "\0" in sku or not dismissals.undo(person.subject_id, sku):
            raise NotFound("This product was not dismissed.")
        return Response(status=204, headers=FRESH)


def allowed(request: Request, person: Person | None) -> Person | None:
    """The person as far as this very request may be personalised."""
    return replace(person, is_personalized=False) if person and gpc.is_on(request) else person


def subject_of(person: Person | None) -> UUID | None:
    """Under whom a list is logged: nobody, unless it may be personal."""
    return person.subject_id if person and person.is_personalized else None


def somebody(request: Request, in_body: str | None) -> str:
    """The shop's user this request speaks for.

    Raises:
        Invalid: it names none.
    """
    if user_id := named_user(request, in_body):
        return user_id
    raise Invalid(NOBODY, errors=[{"pointer": "/user_id", "code": "required", "detail": NOBODY}])


def shown(found: Recommendations) -> dict[str, Any]:
    """The answer as `RecommendationsAnswerSerializer` describes it; encoding the items by it takes longer than
    finding them."""
    return {
        "items": [item_shown(item) for item in found.items],
        "list_id": found.list_id,
        "model_version": found.model_version or None,
        "status": found.status,
    }


def item_shown(item: Item) -> dict[str, Any]:
    """The listing, which a search answer shows as well, with what was recommended of it."""
    more = {"score": round(item.score, 6), "reasons": item.reasons, "source": item.source}
    return item.listing._asdict() | more
