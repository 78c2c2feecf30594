"""docs/access-matrix.md, from the policy."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.access.matrix import verdicts
from tests.access.matrix.credentials import OF_PEOPLE, OF_PERSONS, OF_STAFF, OF_THE_API, Credential
from tests.access.matrix.policy import API, OPEN, PERSON, ROLELESS, ROLES, SUPERUSER, Api, Named, Staff
from tests.access.matrix.staff_policy import STAFF
from tests.access.matrix.verdicts import Verdict

PAGE = Path(__file__).parents[3] / "docs" / "access-matrix.md"
COLUMNS = (*ROLES, SUPERUSER)
MANY = "api/v1/privacy/settings"
"""The route on whose example the credentials are told: it must be said for whom."""
OWNED = "api/v1/privacy/exports/<uuid:export_id>"
HEAD = """# Who may come in where

Written by `python -m tests.access` from `tests/access/matrix/policy.py` and `staff_policy.py`; do not edit it here.
Those two files say by hand, and apart from the code that decides, who may do what; `tests/access/test_matrix.py` asks
every route with every method and every credential, for one's own and for another's objects, and compares. A route
without a line there fails the suite, as does a line without its route, and this page when it is not as they are.

{cells} cells: {api} of the API, {person} of the pages of a person, {staff} of the admin.
"""


def page() -> str:
    """The whole text."""
    counts = {
        "api": len(API) * len(OF_THE_API) * len(verdicts.API_METHODS),
        "person": len(PERSON) * len(OF_PERSONS) * len(verdicts.PERSON_METHODS),
        "staff": len(STAFF) * len(OF_STAFF) * len(verdicts.STAFF_METHODS),
    }
    told = {name: f"{count:,}" for name, count in counts.items()}
    head = HEAD.format(cells=f"{sum(counts.values()):,}", **told)
    return "\n".join([head, api(), credentials(), person(), opened(), staff()])


def api() -> str:
    rows = [
        (
            f"`{route}`",
            ", ".join(policy.methods),
            f"`{policy.scope}`",
            "yes" if policy.scope in {"search", "events"} else "no",
            user_token(policy),
            "404" if policy.owned else "",
        )
        for route, policy in API.items()
    ]
    names = ("route", "methods", "scope of a secret key", "publishable key", "user token", "another's object")
    more = (
        "Any other method is answered 405, and by who may not come in 401 or 403. A publishable key speaks for nobody: "
        "naming a user with it is 403.\n"
    )
    return f"## The API\n\n{table(names, rows)}\n{more}"


def user_token(policy: Api) -> str:
    if policy.scope not in OF_PEOPLE:
        return "no"
    return "yes" if policy.named == Named.NEVER else "its own user"


def credentials() -> str:
    rows = [
        (
            one.name,
            verdict(MANY, one, "GET"),
            verdict("api/v1/suggest", one, "GET"),
            verdict(OWNED, one, "GET"),
        )
        for one in OF_THE_API
    ]
    names = ("credential", "settings (GET)", "suggest (GET)", "the owner's export (GET)")
    return f"## Credentials of the API\n\nOn three routes as examples.\n\n{table(names, rows)}"


def verdict(route: str, credential: Credential, method: str) -> str:
    return str(verdicts.of_api(route, API[route], method, credential))


def person() -> str:
    rows = [
        (
            f"`/{route}`",
            ", ".join(policy.methods),
            "led back to their own" if policy.owned else "sees their own",
        )
        for route, policy in PERSON.items()
    ]
    names = ("page", "methods", "somebody else who is signed in")
    about = f"Only with the session of a link that was followed. Everybody else gets {Verdict.CLOSED}.\n"
    return f"## Pages of a person\n\n{about}\n{table(names, rows)}"


def opened() -> str:
    rows = [(f"`/{route}`", policy.why) for route, policy in OPEN.items()]
    return f"## Open to everybody\n\n{table(('address', 'what it does'), rows)}"


def staff() -> str:
    rows = [
        (f"`/{route}`", *(may(policy, role) for role in COLUMNS))
        for route, policy in STAFF.items()
        if told(policy)
    ]
    about = (
        "After password and second factor; without either, to the sign-in. All staff, in a role or not, "
        "see the overview, with nothing on it that their role does not see. Pages that nobody may open, such as the "
        "one that would change an event, are asked for too, and left out here.\n"
    )
    return f"## Staff\n\n{about}\n{table(('page', *COLUMNS), rows)}"


def told(policy: Staff) -> bool:
    """Whether some may, and not all."""
    return bool(policy.see | (policy.send or frozenset())) and ROLELESS not in policy.see


def may(policy: Staff, role: str) -> str:
    words = [("see", policy.see), ("send", policy.send or frozenset())]
    found = [word for word, roles in words if role in roles]
    if policy.opener and found:
        return "within an own look-up"
    return ", ".join(found)


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )
