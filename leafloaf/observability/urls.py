from django.urls import path

from leafloaf.observability.api import MetricsView

urlpatterns = [path("metrics", MetricsView.as_view(), name="metrics")]
