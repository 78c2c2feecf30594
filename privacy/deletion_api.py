"""Deletion requests: open, follow, cancel, expedite, and the certificate at the end."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from leafloaf.access.permissions import HasScope
from leafloaf.lib.problems import Problem
from privacy.api import actor_of, somebody
from privacy.api_parameters import NO_STORE, USER
from privacy.deletion_serializers import (
    DeletionRequestAskSerializer,
    DeletionRequestSerializer,
    DryRunSerializer,
)
from privacy.erasure import certificate, requests
from privacy.holders import NeedsAttention, NotNow
from privacy.models import Certificate, DeletionRequest


class NoSuchRequest(Problem):
    status_code = 404
    default_code = "not_found"


class Conflict(Problem):
    status_code = 409
    default_code = "too_late"


class NoCertificateYet(Problem):
    status_code = 409
    default_code = "not_ready"


class StoreAway(Problem):
    status_code = 503
    default_code = "store_away"
    wait = 60  # seconds


class DeletionRequestsView(APIView):
    """Asks for a person to be erased."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(
        parameters=[USER],
        request=DeletionRequestAskSerializer,
        responses={
            201: DeletionRequestSerializer,
            200: PolymorphicProxySerializer(
                "DeletionRequestOrDryRun", [DeletionRequestSerializer, DryRunSerializer], None
            ),
        },
    )
    def post(self, request: Request) -> Response:
        asked = DeletionRequestAskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        user_id = somebody(request, wanted.get("user_id"))
        if wanted.get("dry_run"):
            return Response(counted(user_id), headers=NO_STORE)
        hours = wanted.get("cooling_off_hours")
        wait = None if hours is None else timedelta(hours=hours)
        known = {one.pk for one in requests.of_user(user_id)}
        opened = requests.open_for(user_id, actor_of(request), wait)
        address = reverse("deletion-request", [opened.pk], request=request)
        status = 200 if opened.pk in known else 201
        return Response(told(opened), status=status, headers=NO_STORE | {"Location": address})


class DeletionRequestView(APIView):
    """One request of a person."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=[USER], responses=DeletionRequestSerializer)
    def get(self, request: Request, request_id: UUID) -> Response:
        return Response(told(own(request, request_id)), headers=NO_STORE)


class CancelDeletionView(APIView):
    """Cancels a request that waits; everything is as it was."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=[USER], request=None, responses=DeletionRequestSerializer)
    def post(self, request: Request, request_id: UUID) -> Response:
        try:
            return Response(told(requests.cancel(own(request, request_id).pk)), headers=NO_STORE)
        except requests.TooLate as error:
            raise Conflict(str(error)) from error


class ExpediteDeletionView(APIView):
    """Skips what is left of the wait."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=[USER], request=None, responses=DeletionRequestSerializer)
    def post(self, request: Request, request_id: UUID) -> Response:
        try:
            return Response(told(requests.expedite(own(request, request_id).pk)), headers=NO_STORE)
        except requests.TooLate as error:
            raise Conflict(str(error)) from error


class DeletionCertificateView(APIView):
    """The signed certificate, once everything was found absent."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=[USER], responses={(200, "application/json"): OpenApiTypes.OBJECT})
    def get(self, request: Request, request_id: UUID) -> HttpResponse:
        found = Certificate.objects.filter(request=own(request, request_id)).first()
        if found is None:
            raise NoCertificateYet("There is no certificate yet: not every store was found empty.")
        name = f'attachment; filename="leafloaf-certificate-{request_id}.json"'
        return HttpResponse(
            certificate.as_file(found),
            content_type="application/json",
            headers=NO_STORE | {"Content-Disposition": name},
        )


def own(request: Request, request_id: UUID) -> DeletionRequest:
    """The request of whom the caller speaks for; anybody else's is not there."""
    try:
        return requests.get(somebody(request, None), request_id)
    except requests.NotFound as error:
        raise NoSuchRequest("This user has no such deletion request.") from error


def told(found: DeletionRequest) -> dict[str, Any]:
    """As its person sees it: that it waits for somebody, but not what staff are told."""
    stores = [
        asdict(store) | {"needs_attention": bool(store.needs_attention)} for store in requests.progress(found)
    ]
    waits = bool(found.question) or any(store["needs_attention"] for store in stores)
    shown = {
        "id": found.pk,
        "state": found.state,
        "created_at": found.created_at,
        "fenced_at": found.fenced_at,
        "purge_at": found.purge_at,
        "verified_at": found.verified_at,
        "ended_at": found.ended_at,
        "due_at": found.due_at,
        "may_be_cancelled": DeletionRequest.State(found.state).may_be_cancelled,
        "needs_attention": waits,
        "stores": stores,
    }
    return dict(DeletionRequestSerializer(shown).data)


def counted(user_id: str) -> dict[str, Any]:
    """What an erasure would remove.

    Raises:
        StoreAway: a store cannot be asked.
    """
    try:
        lines = requests.dry_run(user_id)
    except (NotNow, NeedsAttention) as error:
        raise StoreAway("A store does not answer; ask again in a minute.") from error
    shown = {
        "dry_run": True,
        "rows": sum(rows for _, rows in lines),
        "holders": [{"title": title, "rows": rows} for title, rows in lines],
    }
    return dict(DryRunSerializer(shown).data)
