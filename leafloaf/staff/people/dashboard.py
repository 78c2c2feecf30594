"""*User profiles* among the dashboards: the form that finds a person, and the look-ups that are open."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from leafloaf.staff.people.forms import LookupForm
from privacy import lookups

MOST = 20
MAY_LOOK_UP = "privacy.lookup_person"


class UserProfiles:
    """The page of `/admin/people/`, which is where its form is sent to."""

    title = "User profiles"
    about = "A person by the shop's id, for a reason that they are told"
    slug = "user-profiles"
    permission = MAY_LOOK_UP
    template_name = "people/find.html"

    def context(self, request: HttpRequest, form: LookupForm | None = None) -> dict[str, Any]:
        now = timezone.now()
        opened = lookups.of_staff(request.user.get_username())[:MOST]
        return {
            "form": form or LookupForm(),
            "opened": [(lookup, lookup.expires_at - now) for lookup in opened],
            "minutes": round(lookups.OPEN_FOR.total_seconds() / 60),
            "most_an_hour": lookups.MOST_AN_HOUR,
        }
