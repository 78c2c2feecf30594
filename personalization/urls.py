from django.urls import path

from personalization import api

urlpatterns = [
    path("api/v1/profile", api.ProfileView.as_view(), name="profile"),
    path("api/v1/graph", api.GraphView.as_view(), name="graph"),
]
