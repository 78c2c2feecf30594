"""Everything held on a user, for them to take away."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from leafloaf.access.permissions import HasScope
from leafloaf.lib.problems import Problem
from privacy import consent, exporting
from privacy.api import BeingErased, somebody
from privacy.api_parameters import NO_STORE, USER
from privacy.export_serializers import DataExportRequestSerializer, DataExportSerializer
from privacy.exporting.requests import is_downloadable, state_of
from privacy.models import DataExport

SHOWN = ("id", "created_at", "ready_at", "expires_at", "downloaded_at", "size")


class NoSuchExport(Problem):
    status_code = 404
    default_code = "not_found"


class NotReady(Problem):
    status_code = 409
    default_code = "not_ready"


class Gone(Problem):
    status_code = 410
    default_code = "gone"


class DataExportsView(APIView):
    """Asks for an export; one that is being made or ready is answered again."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(
        parameters=[USER], request=DataExportRequestSerializer, responses={202: DataExportSerializer}
    )
    def post(self, request: Request) -> Response:
        asked = DataExportRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user_id = somebody(request, asked.validated_data.get("user_id"))
        try:
            export = exporting.ask(user_id)
        except consent.Erased as error:
            raise BeingErased("This user is being erased; there is nothing to export any more.") from error
        shown = told(request, export)
        return Response(shown, status=202, headers=NO_STORE | {"Location": shown["links"]["self"]})


class DataExportView(APIView):
    """One export of a user."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=[USER], responses=DataExportSerializer)
    def get(self, request: Request, export_id: UUID) -> Response:
        try:
            export = exporting.get(somebody(request, None), export_id)
        except exporting.NotFound as error:
            raise NoSuchExport("This user has no such export.") from error
        return Response(told(request, export), headers=NO_STORE)


class DataExportDownloadView(APIView):
    """The zip, once; a request for its headers alone would take it too, so there is none."""

    http_method_names = ("get", "options")
    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=[USER], responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, export_id: UUID) -> StreamingHttpResponse:
        try:
            taken = exporting.take(somebody(request, None), export_id)
        except exporting.NotFound as error:
            raise NoSuchExport("This user has no such export.") from error
        except exporting.NotReady as error:
            raise NotReady(str(error)) from error
        except exporting.Gone as error:
            raise Gone(str(error)) from error
        return as_zip(taken)


def as_zip(taken: exporting.Taken) -> StreamingHttpResponse:
    """The download, for nobody to keep."""
    headers = NO_STORE | {
        "Content-Disposition": 'attachment; filename="leafloaf-export.zip"',
        "Content-Length": str(taken.size),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(taken.pieces, content_type="application/zip", headers=headers)


def told(request: Request, export: DataExport) -> dict[str, Any]:
    links = {"self": reverse("data-export", [export.pk], request=request)}
    if is_downloadable(export):
        links["download"] = reverse("data-export-download", [export.pk], request=request)
    shown = {name: getattr(export, name) for name in SHOWN}
    return dict(DataExportSerializer(shown | {"state": state_of(export), "links": links}).data)
