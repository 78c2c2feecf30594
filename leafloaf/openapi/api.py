"""The document for programs, and the page to read it on."""

import json
from functools import cache
from typing import Any

from csp.constants import SELF
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from leafloaf import headers

CONTENT_TYPE = "application/vnd.oai.openapi+json;version=3.1"
KEPT = {"Cache-Control": "public, max-age=300"}

# Swagger UI's style sheet has its arrows and ticks in it as data. No script and no style may be.
READER_POLICY = build_policy(config=headers.PAGE | {"img-src": [SELF, "data:"]})


@cache
def document() -> bytes:
    """OpenAPI 3.1, made once a process."""
    generator: Any = SchemaGenerator
    return json.dumps(generator().get_schema(request=None, public=True), ensure_ascii=False).encode()


@extend_schema(exclude=True)
class DescriptionView(APIView):
    """The description of the API, for programs."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(document(), content_type=CONTENT_TYPE, headers=KEPT)


@require_safe
def reader(request: HttpRequest) -> HttpResponse:
    """The same to read, and to try."""
    answer = render(request, "openapi/reader.html")
    answer.headers[headers.POLICY] = READER_POLICY
    return answer
