"""What shoppers call."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access.identity import named_user
from leafloaf.access.permissions import HasScope
from leafloaf.catalog import products
from leafloaf.catalog.search import Filters, SearchTimeout, Sort
from leafloaf.lib.problems import Problem
from leafloaf.storefront import answers, search
from leafloaf.storefront.answer_serializers import SearchAnswerSerializer
from leafloaf.storefront.intent import Intent
from leafloaf.storefront.serializers import (
    PageSerializer,
    ProductSerializer,
    SearchRequestSerializer,
)
from privacy import gpc
from privacy.api_parameters import GPC, USER_IF_ANY


class SearchTimedOut(Problem):
    status_code = 503
    default_code = "search_timeout"
    wait = 1  # second


def as_given(body: Any) -> dict[str, Any]:
    """The filters in the caller's own words, for the event."""
    return dict(body.get("filters") or {})


def as_page(found: search.Found, meant: Intent) -> dict[str, object]:
    shown = {"page": found.page, "relaxed": search.relaxed(found), "applied": found.applied, "intent": meant}
    page = dict(PageSerializer(shown).data)
    if found.reasons is not None:
        page["personalization"] = {"applied": True}
        for result in page["results"]:
            result["reasons"] = found.reasons.get(result["sku"], [])
    return page


class SearchView(APIView):
    """Products for a query, best first.

    While the database is away, an anonymous search that was asked in the last minutes is answered from the page kept
    then, with `execution.stale`; any other with 503.
    """

    permission_classes = (HasScope,)
    required_scope = "search"
    does_without_database = True

    @extend_schema(
        parameters=[USER_IF_ANY, GPC], request=SearchRequestSerializer, responses=SearchAnswerSerializer
    )
    def post(self, request: Request) -> HttpResponse:
        asked = SearchRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        wanted = search.Request(
            query=given["query"],
            user_id=named_user(request, given.get("user_id")),
            session_id=given.get("session_id"),
            filters=Filters(**given.get("filters", {})),
            filters_given=as_given(request.data),
            sort=Sort(given["sort"]),
            limit=given["limit"],
            offset=given["offset"],
            alpha=given.get("alpha"),
            explain=given["explain"],
            recommendations=given["recommendations"],
            is_personal=not gpc.is_on(request),
        )
        try:
            answer = answers.run(wanted, as_page)
        except SearchTimeout as error:
            raise SearchTimedOut("This search takes too long; ask for less, or again shortly.") from error
        return HttpResponse(answer, content_type="application/json")


class ProductView(APIView):
    """One product by its SKU."""

    permission_classes = (HasScope,)
    required_scope = "search"

    @extend_schema(responses=ProductSerializer)
    def get(self, request: Request, sku: str) -> Response:
        product = products.get(sku)
        if product is None:
            raise NotFound("There is no product with this SKU.")
        return Response(ProductSerializer(product).data)
