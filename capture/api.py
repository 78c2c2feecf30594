"""`POST /api/v1/events`."""

from functools import cache
from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from capture import ingest
from capture.bodies import RawText, split
from capture.serializers import ReceiptSerializer
from leafloaf.access.identity import speaks_for
from leafloaf.access.permissions import HasScope
from leafloaf.lib.parsers import RawJson
from privacy import gpc


class EventsView(APIView):
    """Takes one event or a batch, and says what became of each.

    202 is sent only after the accepted events are committed. A bad event never loses its batch.
    """

    permission_classes = (HasScope,)
    required_scope = "events"
    parser_classes = (RawJson, RawText)

    @extend_schema(request=OpenApiTypes.OBJECT, responses={202: ReceiptSerializer})
    def post(self, request: Request) -> HttpResponse:
        content: Any = request.data
        bodies = split(content or b"")
        authorize = cache(speaks_for(request))  # a batch mostly names one user
        receipt = ingest.accept(bodies, authorize, is_profiled=not gpc.is_on(request))
        return HttpResponse(msgspec.json.encode(receipt), status=202, content_type="application/json")
