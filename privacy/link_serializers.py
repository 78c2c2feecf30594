"""The shapes of a link into a person's page."""

from rest_framework import serializers

from leafloaf.access.identity import LONGEST_USER_ID
from leafloaf.lib.fields import Identifier
from leafloaf.lib.serializers import StrictSerializer


class PrivacyLinkAskSerializer(StrictSerializer):
    user_id = Identifier(
        max_length=LONGEST_USER_ID,
        required=False,
        allow_null=True,
        help_text="The shop's user; or send it as `X-User-Id`.",
    )


class PrivacyLinkSerializer(StrictSerializer):
    url = serializers.URLField(help_text="For this person only: it opens their page once.")
    expires_at = serializers.DateTimeField()
