from django.urls import path

from privacy import api

urlpatterns = [
    path("api/v1/privacy/settings", api.PrivacySettingsView.as_view(), name="privacy-settings"),
]
