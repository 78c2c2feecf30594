from django.urls import path

from capture import api, health_api

urlpatterns = [
    path("api/v1/events", api.EventsView.as_view(), name="events"),
    path("health", health_api.HealthView.as_view(), name="health"),
    path("health/live", health_api.LiveView.as_view(), name="health-live"),
    path("health/ready", health_api.ReadyView.as_view(), name="health-ready"),
]
