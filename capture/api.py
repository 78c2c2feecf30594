"""`POST /api/v1/events`."""

from functools import cache, partial
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capture import ingest
from capture.bodies import RawText, split
from capture.serializers import ReceiptSerializer
from leafloaf.access.identity import named_user
from leafloaf.access.permissions import HasScope
from leafloaf.lib.parsers import RawJson


class EventsView(APIView):
    """Takes one event or a batch, and says what became of each.

    202 is sent only after the accepted events are committed. A bad event never loses its batch.
    """

    permission_classes = (HasScope,)
    required_scope = "events"
    parser_classes = (RawJson, RawText)

    @extend_schema(request=OpenApiTypes.OBJECT, responses={202: ReceiptSerializer})
    def post(self, request: Request) -> Response:
        content: Any = request.data
        bodies = split(content or b"")
        authorize = cache(partial(named_user, request))  # a batch mostly names one user
        receipt = ingest.accept(bodies, authorize)
        return Response(ReceiptSerializer(receipt).data, status=202)
