from django.urls import path

from leafloaf.openapi import api

urlpatterns = [
    path("api/v1/openapi.json", api.DescriptionView.as_view(), name="openapi"),
    path("docs/", api.reader, name="api-reader"),
]
