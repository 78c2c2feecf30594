from django.urls import path

from privacy import api, certificate_page, deletion_api, exports_api, links_api

urlpatterns = [
    path(
        "api/v1/privacy/deletion-requests",
        deletion_api.DeletionRequestsView.as_view(),
        name="deletion-requests",
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
    path("api/v1/privacy/exports", exports_api.DataExportsView.as_view(), name="data-exports"),
    path("api/v1/privacy/exports/<uuid:export_id>", exports_api.DataExportView.as_view(), name="data-export"),
    path(
        "api/v1/privacy/exports/<uuid:export_id>/download",
        exports_api.DataExportDownloadView.as_view(),
        name="data-export-download",
    ),
    path("privacy/certificate/", certificate_page.CertificatePage.as_view(), name="privacy-certificate"),
    path("api/v1/privacy/links", links_api.PrivacyLinksView.as_view(), name="privacy-links"),
    path("privacy/certificate-keys.json", certificate_page.keys, name="certificate-keys"),
]
