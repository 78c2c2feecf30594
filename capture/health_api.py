"""The addresses that monitors and load balancers ask."""

from django.db import InterfaceError, OperationalError, connection
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capture import health, waiting_room
from capture.serializers import HealthSerializer, ProbeSerializer
from leafloaf.lib import database
from leafloaf.lib.problems import CONTENT_TYPE, DATABASE_RETRY_SECONDS, body

RETRY = {"Retry-After": str(DATABASE_RETRY_SECONDS)}


class HealthView(APIView):
    """How the system is doing, for people and monitors; 200 unless the database is away."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, request: Request) -> Response:
        try:
            database.refuse_if_away()
            return Response(health.summary())
        except (OperationalError, InterfaceError):
            database.suspect()
            away = {
                "status": "unhealthy",
                "database": "unhealthy",
                "searches_waiting": waiting_room.count(),
            }
            return Response(away, status=503, headers=RETRY)


class LiveView(APIView):
    """Whether this process answers at all."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    @extend_schema(responses=ProbeSerializer)
    def get(self, request: Request) -> Response:
        return Response({"status": "live"})


class ReadyView(APIView):
    """Whether this process can serve: it reaches the database."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    @extend_schema(responses=ProbeSerializer)
    def get(self, request: Request) -> Response:
        try:
            database.refuse_if_away()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (OperationalError, InterfaceError):
            database.suspect()
            away = body(503, "database_away", "The database does not answer.")
            return Response(away, status=503, headers=RETRY, content_type=CONTENT_TYPE)
        return Response({"status": "ready"})
