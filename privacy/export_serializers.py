"""The shapes of an export."""

from rest_framework import serializers

from leafloaf.access.identity import LONGEST_USER_ID
from leafloaf.lib.fields import Identifier
from leafloaf.lib.serializers import StrictSerializer
from privacy.models import DataExport


class DataExportRequestSerializer(StrictSerializer):
    user_id = Identifier(
        max_length=LONGEST_USER_ID,
        required=False,
        allow_null=True,
        help_text="The shop's user; or send it as `X-User-Id`.",
    )


class DataExportLinksSerializer(StrictSerializer):
    self = serializers.CharField()
    download = serializers.CharField(required=False, help_text="There while the export is ready; works once.")


class DataExportSerializer(StrictSerializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=DataExport.State.values)
    created_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="24 hours after it was ready.")
    downloaded_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField(allow_null=True, help_text="Bytes of the zip.")
    links = DataExportLinksSerializer()
