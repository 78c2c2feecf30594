"""The shapes of the privacy settings."""

from rest_framework import serializers

from leafloaf.access.identity import LONGEST_USER_ID
from leafloaf.lib.fields import Flag, Identifier, Whole
from leafloaf.lib.serializers import StrictSerializer


class PrivacyFeaturesSerializer(StrictSerializer):
    search_history = Flag()
    purchase_history = Flag()
    price_tracking = Flag()
    household_inference = Flag()


class PrivacySettingsSerializer(StrictSerializer):
    """What a person allows."""

    personalization_enabled = Flag()
    data_retention_days = Whole(min_value=1, max_value=90)
    features = PrivacyFeaturesSerializer(source="*")


class PrivacySettingsAnswerSerializer(PrivacySettingsSerializer):
    gpc = serializers.BooleanField(
        required=False, help_text="True when the request came with `Sec-GPC: 1`; absent otherwise."
    )


class PrivacyFeaturesChangeSerializer(StrictSerializer):
    search_history = Flag(required=False)
    purchase_history = Flag(required=False)
    price_tracking = Flag(required=False)
    household_inference = Flag(required=False)


class PrivacySettingsChangeSerializer(PrivacySettingsSerializer):
    """Any of the settings; what is not named stays as it is."""

    features = PrivacyFeaturesChangeSerializer(source="*")  # type: ignore[assignment]
    user_id = Identifier(
        max_length=LONGEST_USER_ID,
        required=False,
        allow_null=True,
        write_only=True,
        help_text="The shop's user; or send it as `X-User-Id`.",
    )
