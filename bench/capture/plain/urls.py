from django.urls import path

from bench.capture.plain.api import EventsView, LiveView

urlpatterns = [path("events", EventsView.as_view()), path("health/live", LiveView.as_view())]
