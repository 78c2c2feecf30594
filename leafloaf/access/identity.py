"""For which user a request speaks: decided here and nowhere else."""

from rest_framework.request import Request

from leafloaf.access.keys import Caller
from leafloaf.lib.problems import Problem


class UserNotAllowed(Problem):
    """A publishable key named a user."""

    status_code = 403
    default_code = "user_not_allowed"


def named_user(request: Request, in_body: str | None) -> str | None:
    """The shop's id of the user a request speaks for, from its body or its `X-User-Id` header.

    The one place that decides whether a caller may speak for a user.

    Raises:
        UserNotAllowed: a publishable key named one, or header and body name two.
    """
    in_header = request.headers.get("X-User-Id") or None
    named = in_body or in_header
    if named is None:
        return None
    if not (isinstance(request.auth, Caller) and request.auth.may_name_users):
        raise UserNotAllowed("A publishable key speaks for anonymous sessions only; leave the user out.")
    if in_body and in_header and in_body != in_header:
        raise UserNotAllowed("X-User-Id and the body name two different users.")
    return str(named)
