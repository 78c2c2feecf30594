"""What the person allows, what they agreed to, whether they asked to be erased, and who of the staff looked at them."""

from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest

from leafloaf.staff.people.pages import Visit
from privacy import consent, staff_accesses, wording
from privacy.erasure import requests
from privacy.models import ConsentRecord, DataExport, Purpose, StaffAccess

MOST = 50
MOST_REQUESTS = 10
MAY_SEE_REQUESTS = "privacy.view_deletionrequest"
MEANINGS = {
    "personalization_enabled": (
        "Searches and recommendations are in their order.",
        "They get what everybody gets, and nothing new is remembered for a profile.",
    ),
    "search_history": ("Searches are kept, and used.", "Searches are neither kept nor used."),
    "purchase_history": (
        "Orders are remembered: reorders, scores, recommendations.",
        "Orders say nothing of them; the log keeps them as nobody's, for the shop's books.",
    ),
    "price_tracking": (
        "Prices paid are kept, for how much prices matter to them.",
        "Prices paid are not kept, and no price sensitivity is worked out.",
    ),
    "household_inference": (
        "Diet and household are worked out from purchases.",
        "Nothing is worked out about diet and household.",
    ),
}
"""What each setting means when it is on, and when it is off."""


@dataclass(frozen=True)
class Setting:
    name: str
    is_on: bool
    meaning: str


@dataclass(frozen=True)
class Agreed:
    """One change, with the words that the person was shown."""

    record: ConsentRecord
    before: str
    after: str
    words: str


def context(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    subject_id = visit.subject.pk
    accesses = list(StaffAccess.objects.filter(subject_id=subject_id)[:MOST])
    roles = staff_accesses.roles({access.actor for access in accesses})
    erasures = requests.of_user(visit.subject.user_id)[:MOST_REQUESTS]
    exports = DataExport.objects.filter(subject_id=subject_id).defer("content").order_by("-created_at")
    return {
        "settings_of_person": settings(visit),
        "days": visit.allows.data_retention_days,
        "consents": consents(visit),
        "most": MOST,
        "erasures": erasures,
        "may_see_requests": request.user.has_perm(MAY_SEE_REQUESTS),
        "exports": exports[:MOST_REQUESTS],
        "accesses": [(access, roles[access.actor]) for access in accesses],
    }


def settings(visit: Visit) -> list[Setting]:
    """The switches, each with what its position means."""
    allowed = asdict(visit.allows)
    return [
        Setting(str(Purpose(consent.PURPOSES[name]).label), allowed[name], off if not allowed[name] else on)
        for name, (on, off) in MEANINGS.items()
    ]


def consents(visit: Visit) -> list[Agreed]:
    """The latest changes."""
    found = ConsentRecord.objects.filter(subject_id=visit.subject.pk).order_by("-id")[:MOST]
    return [
        Agreed(
            record,
            value(record.value_before),
            value(record.value_after),
            wording.of(record.text_version, record.purpose),
        )
        for record in found
    ]


def value(stored: bool | int) -> str:
    """As it is kept of a switch, or of the retention."""
    if isinstance(stored, bool):
        return "On" if stored else "Off"
    return f"{stored} days"
