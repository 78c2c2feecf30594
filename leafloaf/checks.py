"""Wrong settings stop the start with a sentence that names the variable.

Django runs no checks under WSGI and Celery throws their result away, so every entry point calls
`refuse_wrong_settings` before it serves anything.
"""

from typing import Any

from django.conf import settings
from django.core import checks

from leafloaf import overload


@checks.register
def environment_is_usable(**_: Any) -> list[checks.CheckMessage]:
    """Every variable that could not be read, one error each."""
    return [
        checks.Error(problem.sentence, hint=problem.hint, id="leafloaf.E001")
        for problem in settings.SETTINGS_PROBLEMS
    ]


@checks.register
def threads_are_enough(**_: Any) -> list[checks.CheckMessage]:
    """With fewer, requests wait inside the server, where nobody counts them, and nobody is told."""
    needed = overload.threads_needed()
    if needed <= settings.WEB_THREADS:
        return []
    return [
        checks.Error(
            f"WEB_THREADS is {settings.WEB_THREADS}, and places, waiting rooms and refusals need {needed}.",
            hint="Give each web process so many (`--blocking-threads`), or lower WEB_PLACES or WEB_WAITING.",
            id="leafloaf.E004",
        )
    ]


@checks.register
def replica_is_another_server(**_: Any) -> list[checks.CheckMessage]:
    """The primary read as its own replica would be asked everything twice.

    By another name of its host it starts; `catalog.replica.look` finds that out.
    """
    primary, replica = (settings.DATABASES.get(alias, {}) for alias in ("default", "replica"))
    usual = {"HOST": "", "PORT": "5432", "NAME": ""}
    if not replica or any(
        str(primary.get(part) or default) != str(replica.get(part) or default)
        for part, default in usual.items()
    ):
        return []
    return [
        checks.Error(
            "DATABASE_REPLICA_URL names the database of DATABASE_URL.",
            hint="Name its replica, or leave DATABASE_REPLICA_URL out.",
            id="leafloaf.E005",
        )
    ]


def refuse_wrong_settings() -> None:
    """Runs the system checks, deployment checks included outside DEBUG.

    Raises:
        SystemExit: with every complaint on its own line, when there is one.
    """
    strict = not settings.DEBUG
    level = checks.WARNING if strict else checks.ERROR
    found = checks.run_checks(include_deployment_checks=strict)
    serious = [message for message in found if message.is_serious(level) and not message.is_silenced()]
    if serious:
        raise SystemExit("LeafLoaf does not start:\n" + "\n".join(str(message) for message in serious))
