"""Asking for one's data and taking it away."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat

from privacy import consent, exporting
from privacy.exporting.requests import state_of
from privacy.exports_api import as_zip
from privacy.models import DataExport
from privacy.pages.home import SubjectPage


class ExportPage(SubjectPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        found = exporting.of_user(self.subject.user_id)
        return self.show("export", export=self.told(found[0]) if found else None)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            exporting.ask(self.subject.user_id)
        except consent.Erased:
            return self.go("deletion")
        return self.go("export", "export.asked")

    def told(self, export: DataExport) -> dict[str, Any]:
        state = state_of(export)
        return {
            "id": export.pk,
            "state": state,
            "sentence": f"export.{state}",
            "at": export.downloaded_at or export.created_at,
            "until": export.expires_at,
            "size": filesizeformat(export.size) if export.size else "",
        }


class DownloadPage(SubjectPage):
    """The zip, to one press of a button: a form, so that no browser fetches it ahead and uses it up."""

    def get(self, request: HttpRequest, export_id: UUID) -> HttpResponse:
        return self.go("export")

    def post(self, request: HttpRequest, export_id: UUID) -> HttpResponseBase:
        try:
            return as_zip(exporting.take(self.subject.user_id, export_id))
        except (exporting.NotFound, exporting.Gone):
            return self.go("export", "export.gone")
        except exporting.NotReady:
            return self.go("export")
