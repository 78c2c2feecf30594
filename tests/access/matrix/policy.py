"""Who may come in where: one line for every route, written by hand and independent of the code that decides.

A route that is not here fails the suite, and so does a line here without its route. Roles are those of
`leafloaf.staff.roles`; whoever is not named is refused, superusers too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

SUPPORT, OFFICER, ANALYST = "Support", "Privacy officer", "Analyst"
OPERATOR, MERCHANDISER = "Operator", "Merchandiser"
ROLES = (SUPPORT, OFFICER, ANALYST, OPERATOR, MERCHANDISER)
SUPERUSER = "superuser"
ROLELESS = "no role"
Roles = frozenset[str]


class Named(StrEnum):
    """Whether a route of the API speaks for a user."""

    NEVER = "nobody"
    MAYBE = "may name a user"
    ALWAYS = "must name a user"


@dataclass(frozen=True)
class Api:
    """A route of the API. `owned`: its address names an object of one person."""

    scope: str
    methods: tuple[str, ...]
    named: Named = Named.NEVER
    owned: bool = False


@dataclass(frozen=True)
class Open:
    """For anybody; `why` says why that is no harm."""

    why: str


@dataclass(frozen=True)
class Person:
    """A page of the person who followed a link. `owned`: its address names an object of theirs."""

    methods: tuple[str, ...] = ("GET",)
    owned: bool = False


@dataclass(frozen=True)
class Staff:
    """A page of the admin: who may look (GET), and who may send its form (POST).

    `found`: whether there is anything behind the sample address; `missing_for_others`: who may not look is told that
    there is nothing, not that they may not; `opener`: the one role whose look-up the sample address names.
    """

    see: Roles
    send: Roles | None = None
    found: bool = True
    missing_for_others: bool = False
    opener: str = ""

    def may(self, method: str) -> Roles:
        return self.see if method != "POST" or self.send is None else self.send


Policy = Api | Open | Person | Staff


def only(*roles: str) -> Roles:
    """These, and superusers."""
    return frozenset({*roles, SUPERUSER})


ALL_STAFF = only(*ROLES, ROLELESS)
SUPERUSERS = only()
NOBODY: Roles = frozenset()

API: dict[str, Api] = {
    "metrics": Api("metrics", ("GET",)),
    "api/v1/search": Api("search", ("POST",), Named.MAYBE),
    "api/v1/suggest": Api("search", ("GET",)),
    "api/v1/products/<path:sku>": Api("search", ("GET",)),
    "api/v1/products/<path:sku>/complements": Api("search", ("GET",)),
    "api/v1/events": Api("events", ("POST",), Named.MAYBE),
    "api/v1/recommendations": Api("recommendations", ("GET",), Named.MAYBE),
    "api/v1/recommendations/dismissals": Api("recommendations", ("GET", "POST"), Named.ALWAYS),
    "api/v1/recommendations/dismissals/<path:sku>": Api(
        "recommendations", ("DELETE",), Named.ALWAYS, owned=True
    ),
    "api/v1/reorder": Api("recommendations", ("GET",), Named.MAYBE),
    "api/v1/profile": Api("recommendations", ("GET",), Named.ALWAYS),
    "api/v1/graph": Api("recommendations", ("GET",), Named.ALWAYS),
    "api/v1/privacy/settings": Api("privacy", ("GET", "PATCH"), Named.ALWAYS),
    "api/v1/privacy/links": Api("privacy", ("POST",), Named.ALWAYS),
    "api/v1/privacy/exports": Api("privacy", ("POST",), Named.ALWAYS),
    "api/v1/privacy/exports/<uuid:export_id>": Api("privacy", ("GET",), Named.ALWAYS, owned=True),
    "api/v1/privacy/exports/<uuid:export_id>/download": Api("privacy", ("GET",), Named.ALWAYS, owned=True),
    "api/v1/privacy/deletion-requests": Api("privacy", ("POST",), Named.ALWAYS),
    "api/v1/privacy/deletion-requests/<uuid:request_id>": Api("privacy", ("GET",), Named.ALWAYS, owned=True),
    "api/v1/privacy/deletion-requests/<uuid:request_id>/cancel": Api(
        "privacy", ("POST",), Named.ALWAYS, owned=True
    ),
    "api/v1/privacy/deletion-requests/<uuid:request_id>/expedite": Api(
        "privacy", ("POST",), Named.ALWAYS, owned=True
    ),
    "api/v1/privacy/deletion-requests/<uuid:request_id>/certificate": Api(
        "privacy", ("GET",), Named.ALWAYS, owned=True
    ),
}
HEADLESS = frozenset({"api/v1/privacy/exports/<uuid:export_id>/download"})
"""Routes whose GET uses something up: asking for the headers alone is not answered."""

OPEN: dict[str, Open] = {
    "": Open("sends browsers to the admin"),
    "^api(/|$)": Open("says that there is nothing"),
    "api/v1/openapi.json": Open("describes the API, as docs/openapi.yaml does"),
    "docs/": Open("shows that description"),
    "health": Open("states and counts, for monitors"),
    "health/live": Open("for probes"),
    "health/ready": Open("for probes"),
    "leafloaf.js": Open("a program for pages, the same for all"),
    "leafloaf.mjs": Open("the same as a module"),
    "leafloaf-<str:version>.js": Open("a release of it"),
    "leafloaf-<str:version>.mjs": Open("a release of it"),
    "privacy/certificate/": Open("checks a file that the caller brings"),
    "privacy/certificate-keys.json": Open("public keys"),
    "privacy/enter": Open("takes a user token, and gives a link for it"),
    "privacy/enter/<str:token>": Open("the token in it is the credential"),
    "privacy/leave": Open("ends the session of who calls"),
    "privacy/.*": Open("says that there is nothing"),
    "admin/login/": Open("signs in"),
    "admin/logout/": Open("signs out"),
    "admin/second-factor/": Open("asks who has given a password for a code"),
    "admin/second-factor/set-up/": Open("sets up the second factor of who has given a password"),
}

PERSON: dict[str, Person] = {
    "privacy/": Person(),
    "privacy/settings": Person(("GET", "POST")),
    "privacy/choices": Person(),
    "privacy/accesses": Person(),
    "privacy/export": Person(("GET", "POST")),
    "privacy/export/<uuid:export_id>": Person(("POST",), owned=True),
    "privacy/deletion": Person(("GET", "POST")),
    "privacy/deletion/cancel": Person(("POST",)),
    "privacy/deletion/expedite": Person(("POST",)),
    "privacy/deletion/certificates/<uuid:request_id>": Person(owned=True),
}


def model(
    name: str,
    see: Roles,
    *,
    add: Roles = NOBODY,
    change: Roles = NOBODY,
    delete: Roles = NOBODY,
    rows: Roles | None = None,
) -> dict[str, Staff]:
    """The pages that Django makes for a model, such as `capture/event`; `rows` says who may open one."""
    one = see | change if rows is None else rows
    return {
        f"admin/{name}/": Staff(see | change),
        f"admin/{name}/add/": Staff(add, add),
        f"admin/{name}/<path:object_id>/history/": Staff(one),
        f"admin/{name}/<path:object_id>/delete/": Staff(delete, delete),
        f"admin/{name}/<path:object_id>/change/": Staff(one, change),
        f"admin/{name}/<path:object_id>/": Staff(ALL_STAFF),
    }


def merged(*parts: dict[str, Staff]) -> dict[str, Staff]:
    return {route: policy for part in parts for route, policy in part.items()}


def apps(**see: Roles) -> Iterable[tuple[str, Staff]]:
    for label, roles in see.items():
        yield f"admin/{label}/", Staff(roles, missing_for_others=True)
