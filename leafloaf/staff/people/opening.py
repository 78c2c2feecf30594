"""Opening and ending look-ups. Whoever may not look anybody up gets the same refusal whatever they ask for."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from capture import explorer
from leafloaf.lib.row_numbers import row_number
from leafloaf.staff.people.dashboard import MAY_LOOK_UP, UserProfiles
from leafloaf.staff.people.forms import LONGEST_USER_ID, LookupForm, said
from privacy import lookups
from privacy.models import PersonLookup

NOBODY = "There is nobody of that id here: never seen, erased, or being erased."
NOBODYS = "This event is of nobody who is known here: it never was, or they are erased or being erased."
ENDED = "The look-up has ended."
OVER = (
    "This look-up is not open. It is over after half an hour, when it is ended, and when the person is erased. "
    "Look them up again, and say why."
)
UNPROCESSABLE, TOO_MANY_REQUESTS = 422, 429

View = Callable[..., HttpResponse]
"""Takes the site and the request first."""


def allowed(view: View) -> View:
    """Refuses, before anything is read, who may not look anybody up."""

    @wraps(view)
    def guarded(site: AdminSite, request: HttpRequest, **parts: Any) -> HttpResponse:
        if not request.user.has_perm(MAY_LOOK_UP):
            raise PermissionDenied
        return view(site, request, **parts)

    return guarded


@allowed
def people(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """The form, and by POST a look-up of whom the shop knows by an id."""
    if request.method != "POST":
        return form_page(site, request)
    form = LookupForm(request.POST)
    if not form.is_valid():
        return form_page(site, request, form, UNPROCESSABLE)
    category, words = said(form.cleaned_data["reason"], form.cleaned_data["words"])
    try:
        lookup = lookups.open_for(form.cleaned_data["user_id"], staff(request), words, category)
    except lookups.UnusableReason as error:
        form.add_error("words", str(error))
        return form_page(site, request, form, UNPROCESSABLE)
    except lookups.TooMany as error:
        form.add_error(None, str(error))
        return form_page(site, request, form, TOO_MANY_REQUESTS)
    if lookup is None:
        form.add_error("user_id", NOBODY)
        return form_page(site, request, form)
    return HttpResponseRedirect(reverse("admin:person", args=[lookup.pk]))


@allowed
def open_from(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """A look-up from a page that shows something of a person, such as an event, and back there.

    Takes by POST `event` (its number in the log) or `user_id`, `reason` with or without `words`, and `next`.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    back = local_path(request)
    try:
        lookup = wanted(request)
    except (lookups.UnusableReason, lookups.TooMany) as error:
        messages.error(request, str(error))
    else:
        if lookup:
            return HttpResponseRedirect(back or reverse("admin:person", args=[lookup.pk]))
        messages.error(request, NOBODYS if "event" in request.POST else NOBODY)
    return HttpResponseRedirect(back or reverse("admin:people"))


@allowed
def end(site: AdminSite, request: HttpRequest, lookup_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    lookup = lookups.get(lookup_id, staff(request))
    if lookup is None:
        return over(request)
    lookups.end(lookup)
    messages.success(request, ENDED)
    return HttpResponseRedirect(reverse("admin:people"))


def over(request: HttpRequest) -> HttpResponse:
    """The same for one that is over, somebody else's, or never was."""
    messages.error(request, OVER)
    return HttpResponseRedirect(reverse("admin:people"))


def form_page(
    site: AdminSite, request: HttpRequest, form: LookupForm | None = None, status: int = 200
) -> TemplateResponse:
    dashboard = UserProfiles()
    request.current_app = site.name
    context = {
        **site.each_context(request),
        "title": dashboard.title,
        "subtitle": None,
        "dashboard": dashboard,
        **dashboard.context(request, form),
    }
    return TemplateResponse(request, dashboard.template_name, context, status=status)


def wanted(request: HttpRequest) -> PersonLookup | None:
    """The look-up that a form elsewhere asks for; None when it leads to nobody.

    Raises:
        lookups.TooMany, lookups.UnusableReason: see there.
    """
    category, words = said(request.POST.get("reason", "").strip(), request.POST.get("words", "").strip())
    if "event" not in request.POST:
        user_id = request.POST.get("user_id", "").strip()
        if not user_id or len(user_id) > LONGEST_USER_ID or "\0" in user_id:
            return None
        return lookups.open_for(user_id, staff(request), words, category)
    subject_id = subject_of(request.POST["event"])
    return lookups.open_subject(subject_id, staff(request), words, category) if subject_id else None


def subject_of(event: str) -> UUID | None:
    """Whose event of the log it is."""
    found = explorer.event(number) if (number := row_number(event)) else None
    return found.subject_id if found else None


def local_path(request: HttpRequest) -> str:
    """Where to go back to, if that is a page of this very site."""
    path = request.POST.get("next", "")
    is_here = url_has_allowed_host_and_scheme(path, {request.get_host()}, require_https=request.is_secure())
    return path if is_here and path.startswith("/") else ""


def staff(request: HttpRequest) -> str:
    return request.user.get_username()
