"""The overview, the settings, the choices so far, and who of the staff looked."""

from dataclasses import asdict
from typing import Any, cast

from django.http import HttpRequest, HttpResponse

from privacy import consent, staff_accesses, wording
from privacy.consent import Changes
from privacy.forms import SettingsForm
from privacy.models import Actor, ConsentRecord, Purpose, StaffAccess, Subject
from privacy.pages.base import PersonPage
from privacy.words import WORDS

LISTED = 200
"""Of the choices, and of the accesses, at most: the export has them all."""


class SubjectPage(PersonPage):
    """A page of somebody who is there."""

    @property
    def subject(self) -> Subject:
        return cast("Subject", self.person.subject)  # `PersonPage` sends everybody else to the deletion


class HomePage(SubjectPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(
            "home",
            settings=consent.of(self.subject.pk),
            accesses=StaffAccess.objects.filter(subject_id=self.subject.pk).count(),
            changes=ConsentRecord.objects.filter(subject_id=self.subject.pk).count(),
            deletion=self.person.request,
        )


class SettingsPage(SubjectPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        now = consent.of(self.subject.pk)
        return self.form(SettingsForm(self.language, initial=asdict(now)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SettingsForm(self.language, request.POST)
        if not form.is_valid():
            return self.form(form, 422)
        before = consent.of(self.subject.pk)
        try:
            after = consent.change(self.subject.pk, cast("Changes", form.cleaned_data), Actor.USER)
        except consent.Erased:
            return self.go("deletion")
        return self.go("settings", "settings.same" if after == before else "settings.saved")

    def form(self, form: SettingsForm, status: int = 200) -> HttpResponse:
        names = [name for name in consent.PURPOSES if name != "data_retention_days"]
        return self.show(
            "settings",
            status,
            form=form,
            switches=[{"field": form[name], "words": self.words(consent.PURPOSES[name])} for name in names],
            days={"field": form["data_retention_days"], "words": self.words(Purpose.RETENTION)},
        )

    def words(self, purpose: str) -> str:
        return wording.of(wording.CURRENT, purpose, self.language)


class HistoryPage(SubjectPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        found = ConsentRecord.objects.filter(subject_id=self.subject.pk).order_by("-id")[:LISTED]
        return self.show("history", changes=[self.told(record) for record in found])

    def told(self, record: ConsentRecord) -> dict[str, Any]:
        return {
            "name": f"settings.{NAMES[record.purpose]}",
            "words": wording.of(record.text_version, record.purpose, self.language),
            "before": self.value(record.value_before),
            "after": self.value(record.value_after),
            "by": f"by.{record.actor}",
            "at": record.at,
        }

    def value(self, value: bool | int) -> str:
        return self.say("yes" if value else "no") if isinstance(value, bool) else str(value)


NAMES = {str(purpose): name for name, purpose in consent.PURPOSES.items()}


class AccessesPage(SubjectPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        found = list(StaffAccess.objects.filter(subject_id=self.subject.pk)[:LISTED])
        roles = staff_accesses.roles({access.actor for access in found})
        return self.show("accesses", accesses=[self.told(one, roles[one.actor]) for one in found])

    def told(self, access: StaffAccess, role: str) -> dict[str, Any]:
        """Of a look-up the usual reason is told; what else staff wrote is in the export."""
        page = f"looked.{access.page}"
        return {
            "at": access.at,
            "role": role or self.say("role.none"),
            "page": self.say(page) if page in WORDS[self.language] else access.page,
            "why": self.say(f"reason.{access.category}") if access.category else access.reason,
        }
