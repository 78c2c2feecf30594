"""Under `/privacy/`."""

from django.urls import path, re_path

from privacy.pages import deletion, entering, exports, home, refusals

urlpatterns = [
    path("", home.HomePage.as_view(), name="person-home"),
    path("enter", entering.EnterPage.as_view(), name="person-enter"),
    path("enter/<str:token>", entering.OpenPage.as_view(), name="person-open"),
    path("leave", entering.LeavePage.as_view(), name="person-leave"),
    path("settings", home.SettingsPage.as_view(), name="person-settings"),
    path("choices", home.HistoryPage.as_view(), name="person-history"),
    path("accesses", home.AccessesPage.as_view(), name="person-accesses"),
    path("export", exports.ExportPage.as_view(), name="person-export"),
    path("export/<uuid:export_id>", exports.DownloadPage.as_view(), name="person-export-download"),
    path("deletion", deletion.DeletionPage.as_view(), name="person-deletion"),
    path("deletion/cancel", deletion.CancelPage.as_view(), name="person-cancel"),
    path("deletion/expedite", deletion.ExpeditePage.as_view(), name="person-expedite"),
    path(
        "deletion/certificates/<uuid:request_id>",
        deletion.CertificatePage.as_view(),
        name="person-certificate",
    ),
    re_path("", refusals.MissingPage.as_view()),
]
