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
from privacy.api_parameters import GPC, USER_IF_ANY


class EventsView(APIView):
    """Takes one event or a batch, and says what became of each.

    202 is sent only after the accepted events are committed. A bad event never loses its batch.
    """

    permission_classes = (HasScope,)
    required_scope = "events"
    _bodies: list[bytes] | None = None
    parser_classes = (RawJson, RawText)

    def cost(self, request: Request) -> int:
        """Of the limits: each event counts, or a batch would be worth 500 requests."""
        return len(self.bodies(request))

    def bodies(self, request: Request) -> list[bytes]:
        """The body taken apart, once."""
        if self._bodies is None:
            content: Any = request.data
            self._bodies = split(content or b"")
        return self._bodies

    @extend_schema(
        parameters=[USER_IF_ANY, GPC], request=OpenApiTypes.OBJECT, responses={202: ReceiptSerializer}
    )
    def post(self, request: Request) -> HttpResponse:
        authorize = cache(speaks_for(request))  # a batch mostly names one user
        receipt = ingest.accept(self.bodies(request), authorize, is_profiled=not gpc.is_on(request))
        return HttpResponse(msgspec.json.encode(receipt), status=202, content_type="application/json")
