"""For which user a request speaks: decided here and nowhere else."""

import re
from collections.abc import Callable
from typing import NoReturn

from rest_framework.request import Request

from leafloaf.access.keys import Caller
from leafloaf.lib import personal
from leafloaf.lib.problems import Invalid, Problem

LONGEST_USER_ID = 128
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class UserNotAllowed(Problem):
    """A publishable key named a user, or a user token another one."""

    status_code = 403
    default_code = "user_not_allowed"


def named_user(request: Request, in_body: str | None) -> str | None:
    """The shop's id of the user a request speaks for: with a secret key from its body or its `X-User-Id` header, with
    a user token the token's own, named or not.

    Raises:
        UserNotAllowed: a publishable key named one, a user token another, or header and body name two.
        Invalid: it is no usable id.
    """
    return speaks_for(request)(in_body)


def speaks_for(request: Request) -> Callable[[str | None], str | None]:
    """`named_user` for a request with many bodies, each of which may name a user.

    The one place that decides whether a caller may speak for a user.
    """
    caller = request.auth if isinstance(request.auth, Caller) else None
    header = request.headers.get("X-User-Id", "")

    def user_of(in_body: str | None) -> str | None:
        in_header = as_utf_8(header)
        named = in_body or in_header
        if in_body and in_header and in_body != in_header:
            raise UserNotAllowed("X-User-Id and the body name two different users.")
        if caller and caller.user_id:
            return only(caller.user_id, named)
        if named is None:
            return None
        if not (caller and caller.may_name_users):
            raise UserNotAllowed("A publishable key speaks for anonymous sessions only; leave the user out.")
        return usable(named)

    return user_of


def only(user_id: str, named: str | None) -> str:
    """The user of a token, who may be named but need not be."""
    if named is not None and named != user_id:
        raise UserNotAllowed("A user token speaks for its own user only; leave the user out.")
    return user_id


def as_utf_8(header: str) -> str | None:
    """A header's text: WSGI hands the bytes over as Latin-1."""
    try:
        return header.encode("latin-1").decode() or None
    except UnicodeError:
        refuse("not_utf_8", "X-User-Id is not UTF-8.")


def usable(user_id: str) -> str:
    """The id itself.

    Raises:
        Invalid: it is too long, no text that can be stored, or personal data by itself.
    """
    if len(user_id) > LONGEST_USER_ID:
        refuse("too_long", f"A user id has at most {LONGEST_USER_ID} characters.")
    if UNSTORABLE.search(user_id):
        refuse("not_text", "A user id has neither NUL nor half a surrogate pair.")
    if kind := personal.kind_of(user_id):
        refuse("personal_data", f"This looks like {kind}; send an id that says nothing by itself.")
    return user_id


def refuse(code: str, complaint: str) -> NoReturn:
    raise Invalid(complaint, errors=[{"pointer": "/user_id", "code": code, "detail": complaint}])
