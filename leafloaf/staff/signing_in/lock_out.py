"""After some wrong passwords for a name from an address nobody gets in by that name from there for a while.

But for a browser in which they got in before: what goes wrong there is counted for itself (`known_browsers`), so that
nobody is locked out by somebody else.

A name that nobody has is locked out in the same way and with the same words. It is kept as a trace only: whoever typed
their password into the wrong field must not find it in a table.
"""

from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from leafloaf.access import audit
from leafloaf.access.throttling import address as addresses
from leafloaf.staff.models import FailedSignIn
from leafloaf.staff.signing_in import known_browsers

NOBODY = "unknown-"
BROWSER = " in browser "
"""A name has no space."""
ACTOR = "sign-in"


def address(request: HttpRequest) -> str | None:
    """As throttles see it; of IPv6 the network."""
    found = addresses.of(request.META).partition("/")[0]
    return None if found == "unknown" else found


def kept_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The name of a member of staff as it is, with that of a browser of theirs; any other as a trace of it."""
    typed = str((credentials or {}).get("username") or request.POST.get("username") or "")
    if user := User.objects.filter(username=typed).first():
        browser = known_browsers.of(request, user)
        return f"{typed}{BROWSER}{browser}" if browser else typed
    return NOBODY + salted_hmac("leafloaf.staff.lock_out", typed, algorithm="sha256").hexdigest()[:16]


def refusal(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None) -> HttpResponse:
    """What everybody is told who is locked out."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"minutes": seconds // 60, "title": "Too many attempts", "has_permission": False}
    answer = render(request, "staff/locked_out.html", context, status=429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def note(request: HttpRequest, username: str, **_: Any) -> None:
    """axes' `user_locked_out`, which it sends for every try of who is locked out: the first is for the audit.

    Names that nobody has are not in it: anybody can make up as many as they like, and the audit is kept for ever.
    """
    has_just_begun = getattr(request, "axes_failures_since_start", None) is not None
    if has_just_begun and not username.startswith(NOBODY):
        audit.record(
            ACTOR, "lock out", plain(username), minutes=int(settings.AXES_COOLOFF_TIME.total_seconds()) // 60
        )


def plain(kept: str) -> str:
    """Whose name it is, without that of a browser."""
    return kept.partition(BROWSER)[0]


def with_all_failures(found: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """With `all_failures`: axes keeps a row for each browser, and counts those of a name and an address together."""
    same = FailedSignIn.objects.filter(
        username=OuterRef("username"),
        ip_address=OuterRef("ip_address"),
        attempt_time__gt=now - settings.AXES_COOLOFF_TIME,
    )
    counted = same.order_by().values("username").annotate(count=Sum("failures_since_start")).values("count")
    together: QuerySet[Any] = found.annotate(all_failures=Coalesce(Subquery(counted), 0))
    return together


def is_on(all_failures: int) -> bool:
    return all_failures >= int(settings.AXES_FAILURE_LIMIT)


def unlock(failed: FailedSignIn, by: str) -> None:
    """Everything is forgotten of this name from this address."""
    with transaction.atomic():
        FailedSignIn.objects.filter(username=failed.username, ip_address=failed.ip_address).delete()
        audit.record(by, "unlock sign-in", plain(failed.username or ""))


def prune() -> int:
    """Forgets what locks nobody out any more, names and addresses with it, and sessions that have expired."""
    before = timezone.now() - settings.AXES_COOLOFF_TIME
    count, _ = AccessAttempt.objects.filter(attempt_time__lt=before).delete()
    SessionStore.clear_expired()
    return count
