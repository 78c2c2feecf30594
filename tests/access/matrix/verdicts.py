"""What must come of a request, by the policy alone; and what came of it, by the answer alone."""

import json
from enum import StrEnum
from typing import Any

from django.urls import reverse

from tests.access.matrix.credentials import CLOSED_TO, OTHERS_SESSION, OUTSIDE, Credential, Speaks
from tests.access.matrix.policy import HEADLESS, Api, Named, Open, Person, Staff

API_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
STAFF_METHODS = ("GET", "POST")
PERSON_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")


class Verdict(StrEnum):
    IN = "let in"
    UNKNOWN = "401"
    REFUSED = "403"
    NOT_THERE = "404"
    NO_METHOD = "405"
    SIGN_IN = "to the sign-in"
    CLOSED = "the page that says how to get in"
    TOO_MANY = "429"
    BROKEN = "an error of ours"


def of_api(route: str, policy: Api, method: str, credential: Credential) -> Verdict:
    """In the order in which it is decided: who, from where, for whom, what, how, whose."""
    if not credential.known:
        return Verdict.UNKNOWN
    if not credential.from_allowed_page or names_another(credential) or policy.scope not in credential.scopes:
        return Verdict.REFUSED
    if method == "OPTIONS":
        return Verdict.IN
    if not answers(route, policy.methods, method):
        return Verdict.NO_METHOD
    if policy.named != Named.NEVER and credential.names and credential.speaks_for == Speaks.NOBODY:
        return Verdict.REFUSED
    if policy.owned and credential.user == Speaks.OTHER:
        return Verdict.NOT_THERE
    return Verdict.IN


def names_another(credential: Credential) -> bool:
    """Whether a user token stands beside the name of somebody else."""
    is_token = credential.speaks_for in {Speaks.OWNER, Speaks.OTHER}
    return is_token and credential.names not in {None, credential.speaks_for}


def answers(route: str, methods: tuple[str, ...], method: str) -> bool:
    if method == "HEAD":
        return "GET" in methods and route not in HEADLESS
    return method in methods


def of_person(route: str, policy: Person, method: str, who: str) -> Verdict:
    if who in CLOSED_TO:
        return Verdict.CLOSED
    if method == "OPTIONS":
        return Verdict.IN
    if method not in {"GET", "HEAD", *policy.methods}:
        return Verdict.NO_METHOD
    if policy.owned and who == OTHERS_SESSION and answers(route, policy.methods, method):
        return Verdict.NOT_THERE
    return Verdict.IN


def of_staff(policy: Staff, method: str, who: str) -> Verdict:
    if who in OUTSIDE:
        return Verdict.SIGN_IN
    if who in policy.may(method):
        if policy.opener and who != policy.opener:
            return Verdict.NOT_THERE
        return Verdict.IN if policy.found else Verdict.NOT_THERE
    return Verdict.NOT_THERE if policy.missing_for_others else Verdict.REFUSED


def of_open(policy: Open, method: str) -> Verdict:
    return Verdict.IN


BY_STATUS = {
    401: Verdict.UNKNOWN,
    403: Verdict.REFUSED,
    404: Verdict.NOT_THERE,
    405: Verdict.NO_METHOD,
    429: Verdict.TOO_MANY,
}


def observed(answer: Any) -> Verdict:
    """The verdict of an answer, whatever was asked."""
    if answer.status_code >= 500:
        return Verdict.BROKEN
    if is_closed(answer):
        return Verdict.CLOSED
    if answer.status_code == 302 and answer.headers["Location"].startswith(reverse("admin:login")):
        return Verdict.SIGN_IN
    if answer.status_code == 202 and "user_not_allowed" in str(answer.content):
        return Verdict.REFUSED  # of the one event that was sent
    return BY_STATUS.get(answer.status_code, Verdict.IN)


def observed_file(answer: Any) -> Verdict:
    """The same where a file is asked for: whose it is not is led back to their own pages."""
    verdict = observed(answer)
    is_led_back = answer.status_code == 302 and verdict == Verdict.IN
    return Verdict.NOT_THERE if is_led_back else verdict


def observed_lookup(answer: Any) -> Verdict:
    """The same where a look-up is named: who has not opened it is led back to their own."""
    is_led_back = answer.status_code == 302 and answer.headers["Location"] == reverse("admin:people")
    return Verdict.NOT_THERE if is_led_back else observed(answer)


def is_closed(answer: Any) -> bool:
    """Whether it is the page that tells how to get into one's privacy page, or the way there."""
    if answer.status_code == 302 and answer.headers["Location"] == reverse("person-home"):
        return True
    shown = [template.name for template in getattr(answer, "templates", [])]
    return "privacy/pages/closed.html" in shown


def body_of(content: Any) -> bytes:
    return json.dumps(content).encode()
