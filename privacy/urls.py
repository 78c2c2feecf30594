from django.urls import path

from privacy import api, deletion_api

urlpatterns = [
    path(
        "api/v1/privacy/deletion-requests", deletion_api.DeletionRequestsView.as_view(), name="deletion-requests"
    ),
    path(
        "api/v1/privacy/deletion-requests/<uuid:request_id>",
        deletion_api.DeletionRequestView.as_view(),
        name="deletion-request",
    ),
    path(
        "api/v1/privacy/deletion-requests/<uuid:request_id>/cancel",
        deletion_api.CancelDeletionView.as_view(),
        name="cancel-deletion",
    ),
    path(
        "api/v1/privacy/deletion-requests/<uuid:request_id>/expedite",
        deletion_api.ExpediteDeletionView.as_view(),
        name="expedite-deletion",
    ),
    path(
        "api/v1/privacy/deletion-requests/<uuid:request_id>/certificate",
        deletion_api.DeletionCertificateView.as_view(),
        name="deletion-certificate",
    ),
    path("api/v1/privacy/settings", api.PrivacySettingsView.as_view(), name="privacy-settings"),
]
