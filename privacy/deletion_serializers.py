"""The shapes of a deletion request."""

from rest_framework import serializers

from leafloaf.access.identity import LONGEST_USER_ID
from leafloaf.lib.fields import Flag, Identifier, Whole
from leafloaf.lib.serializers import StrictSerializer
from privacy.erasure import requests
from privacy.models import DeletionRequest, DeletionStep

HOURS = int(requests.LONGEST_COOLING_OFF.total_seconds() // 3600)


class DeletionRequestAskSerializer(StrictSerializer):
    """What may be said with a deletion request; all of it may be left out."""

    user_id = Identifier(
        max_length=LONGEST_USER_ID,
        required=False,
        allow_null=True,
        help_text="The shop's user; or send it as `X-User-Id`.",
    )
    cooling_off_hours = Whole(
        min_value=0, max_value=HOURS, required=False, help_text="How long it can still be cancelled; 24."
    )
    dry_run = Flag(
        required=False,
        help_text="Only count what would be removed: nothing is fenced, nor kept of the question.",
    )


class DeletionStoreSerializer(StrictSerializer):
    """How far one store is."""

    store = serializers.CharField(
        help_text="`postgres`, `redis`, `cloud_storage`, `bigquery`, `pubsub`, `spanner` or `replica`."
    )
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=DeletionStep.State.choices)
    attempts = serializers.IntegerField()
    removed = serializers.IntegerField(help_text="Rows, lines and keys.")
    verified_at = serializers.DateTimeField(
        allow_null=True, help_text="When a reader of its own found nothing there any more."
    )
    residual_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then the store itself could still bring it back."
    )
    needs_attention = serializers.BooleanField(help_text="It waits for somebody of the shop to look at it.")
    held = serializers.BooleanField(help_text="A legal hold rests on it.")


class DeletionRequestSerializer(StrictSerializer):
    """A deletion request as its person sees it."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=DeletionRequest.State.choices)
    created_at = serializers.DateTimeField()
    fenced_at = serializers.DateTimeField(
        allow_null=True, help_text="From then on nothing is stored or shown."
    )
    cooling_off_until = serializers.DateTimeField(allow_null=True, source="purge_at")
    verified_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(help_text="72 hours after the cooling-off at the latest.")
    may_be_cancelled = serializers.BooleanField()
    needs_attention = serializers.BooleanField()
    stores = DeletionStoreSerializer(many=True)


class DryRunLineSerializer(StrictSerializer):
    title = serializers.CharField()
    rows = serializers.IntegerField()


class DryRunSerializer(StrictSerializer):
    """What an erasure would remove now."""

    dry_run = serializers.BooleanField()
    rows = serializers.IntegerField()
    holders = DryRunLineSerializer(many=True)
