"""The link by which a shop lets its user into the privacy page."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access.permissions import HasScope
from privacy import links
from privacy.api import somebody
from privacy.api_parameters import NO_STORE, USER
from privacy.link_serializers import PrivacyLinkAskSerializer, PrivacyLinkSerializer


class PrivacyLinksView(APIView):
    """Makes a link into one person's privacy page: good once, for 15 minutes."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(
        parameters=[USER], request=PrivacyLinkAskSerializer, responses={201: PrivacyLinkSerializer}
    )
    def post(self, request: Request) -> Response:
        asked = PrivacyLinkAskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        token, expires_at = links.make(somebody(request, asked.validated_data.get("user_id")))
        url = request.build_absolute_uri(reverse("person-open", args=[token]))
        shown = PrivacyLinkSerializer({"url": url, "expires_at": expires_at}).data
        return Response(shown, status=201, headers=NO_STORE)
