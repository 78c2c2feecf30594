from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.capture.plain.models import BareEvent
from capture.events import TYPES


class EventSerializer(serializers.Serializer[Any]):
    event_id = serializers.CharField(max_length=64)
    event_type = serializers.ChoiceField(list(TYPES))
    subject_id = serializers.UUIDField(allow_null=True)
    session_id = serializers.CharField(max_length=128, allow_null=True)
    occurred_at = serializers.DateTimeField()
    payload = serializers.JSONField()


class EventsView(APIView):
    def post(self, request: Request) -> Response:
        body: Any = request.data
        asked = EventSerializer(data=body["events"], many=True)
        asked.is_valid(raise_exception=True)
        BareEvent._default_manager.bulk_create([BareEvent(**given) for given in asked.validated_data])
        return Response({"accepted": len(asked.validated_data)}, status=202)


class LiveView(APIView):
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})
