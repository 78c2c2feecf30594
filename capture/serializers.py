"""The shapes of capture's answers."""

from typing import Any

from rest_framework import serializers


class FaultSerializer(serializers.Serializer[Any]):
    """One reason to refuse an event; the pointer leads into that event."""

    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class RejectionSerializer(serializers.Serializer[Any]):
    """One event that was refused, by its place in the request."""

    index = serializers.IntegerField()
    event_id = serializers.CharField(allow_null=True)
    errors = FaultSerializer(source="faults", many=True)  # type: ignore[assignment] # the contract's name for it


class ReceiptSerializer(serializers.Serializer[Any]):
    """What became of a request's events; the accepted ones are committed."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RejectionSerializer(many=True)
    suppressed = serializers.IntegerField()


class ProbeSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()


class LogSerializer(serializers.Serializer[Any]):
    """How far delivery may follow the log."""

    horizon_age_seconds = serializers.FloatField(
        allow_null=True,
        help_text="How long the oldest transaction that wrote has been open; what came after it waits.",
    )


class HealthSerializer(serializers.Serializer[Any]):
    """How the system is doing; a sink is disabled, healthy, degraded or unhealthy."""

    status = serializers.ChoiceField(["healthy", "degraded", "unhealthy"])
    data_capture = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="For each sink, by name."
    )
    log = LogSerializer(required=False)
    database = serializers.CharField()
    replica = serializers.CharField(
        required=False,
        help_text="Where there is one: healthy, degraded (behind), unhealthy (away, or no replica), or unknown when no "
        "worker has looked at it for two minutes.",
    )
    searches_waiting = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="While the database is away: searches answered from kept pages that wait for the log.",
    )
    worker = serializers.CharField(
        required=False, help_text="stale when no reading was taken for two minutes"
    )
    notices = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Sentences about what needs a person."
    )
    read_at = serializers.DateTimeField(required=False, allow_null=True)
