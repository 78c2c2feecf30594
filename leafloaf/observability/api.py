"""`GET /metrics`."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from leafloaf.access.permissions import HasScope
from leafloaf.observability import exposition

SAID = "Everything that is measured, in Prometheus' text format 0.0.4 (docs/metrics.md)."


class OneFormat(BaseContentNegotiation):
    """Prometheus asks for formats that no renderer has, and reads this one whatever it asked for."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    """Everything that is measured, for Prometheus.

    While the database is away, what processes count is told all the same to whom this process knows already, for as
    long as it believes the key (keys.py).
    """

    permission_classes = (HasScope,)
    required_scope = "metrics"
    does_without_database = True
    content_negotiation_class = OneFormat

    @extend_schema(responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, SAID)})
    def get(self, request: Request) -> HttpResponse:
        told = exposition.text(exposition.Instruments(), exposition.Gauges())
        return HttpResponse(told, content_type=CONTENT_TYPE_PLAIN_0_0_4)
