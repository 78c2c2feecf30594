"""The shapes of the privacy settings."""

from typing import Any

from rest_framework import serializers

from leafloaf.access.identity import LONGEST_USER_ID
from leafloaf.lib.serializers import StrictSerializer


class Flag(serializers.BooleanField):
    """True or false, and no word or number that is read as either: consent is not guessed."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Days(serializers.IntegerField):
    """A whole number, and no text of one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class PrivacyFeaturesSerializer(StrictSerializer):
    search_history = Flag()
    purchase_history = Flag()
    price_tracking = Flag()
    household_inference = Flag()


class PrivacySettingsSerializer(StrictSerializer):
    """What a person allows."""

    personalization_enabled = Flag()
    data_retention_days = Days(min_value=1, max_value=90)
    features = PrivacyFeaturesSerializer(source="*")


class PrivacySettingsAnswerSerializer(PrivacySettingsSerializer):
    gpc = serializers.BooleanField(
        required=False, help_text="True when the request came with `Sec-GPC: 1`; absent otherwise."
    )


class PrivacySettingsChangeSerializer(PrivacySettingsSerializer):
    """Any of the settings; what is not named stays as it is."""

    user_id = serializers.CharField(
        max_length=LONGEST_USER_ID,
        required=False,
        allow_null=True,
        write_only=True,
        help_text="The shop's user; or send it as `X-User-Id`.",
    )
