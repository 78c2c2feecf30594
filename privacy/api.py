"""The privacy settings of a user."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access.identity import named_user
from leafloaf.access.keys import Caller
from leafloaf.access.permissions import HasScope
from leafloaf.lib.problems import Invalid, Problem
from privacy import consent, gpc
from privacy.api_parameters import GPC, NO_STORE, USER
from privacy.models import Actor
from privacy.serializers import PrivacySettingsAnswerSerializer, PrivacySettingsChangeSerializer

HEADERS = [USER, GPC]
NOBODY = "Say whose settings: send the shop's id of the user in X-User-Id with a secret key, or a user token."


class BeingErased(Problem):
    status_code = 409
    default_code = "being_erased"


class PrivacySettingsView(APIView):
    """What a user allows; a change is in force for the next request."""

    permission_classes = (HasScope,)
    required_scope = "privacy"

    @extend_schema(parameters=HEADERS, responses=PrivacySettingsAnswerSerializer)
    def get(self, request: Request) -> Response:
        return answer(request, consent.of_user(somebody(request, None)))

    @extend_schema(
        parameters=HEADERS,
        request=PrivacySettingsChangeSerializer,
        responses=PrivacySettingsAnswerSerializer,
    )
    def patch(self, request: Request) -> Response:
        asked = PrivacySettingsChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        changes = asked.validated_data
        user_id = somebody(request, changes.pop("user_id", None))
        try:
            return answer(request, consent.change_of_user(user_id, changes, actor_of(request)))
        except consent.Erased as error:
            raise BeingErased("This user is being erased at this moment; ask again shortly.") from error


def actor_of(request: Request) -> Actor:
    """Who makes a change: the user by their own token, or the shop for them."""
    return Actor.USER if isinstance(request.auth, Caller) and request.auth.user_id else Actor.SHOP


def somebody(request: Request, in_body: str | None) -> str:
    """The shop's user this request speaks for.

    Raises:
        Invalid: it names none.
    """
    if user_id := named_user(request, in_body):
        return user_id
    raise Invalid(NOBODY, errors=[{"pointer": "/user_id", "code": "required", "detail": NOBODY}])


def answer(request: Request, settings: consent.Consent) -> Response:
    """The settings as they are now, for nobody to keep."""
    shown = asdict(settings) | ({"gpc": True} if gpc.is_on(request) else {})
    return Response(PrivacySettingsAnswerSerializer(shown).data, headers=NO_STORE)
