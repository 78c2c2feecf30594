"""The append-only record of what staff and commands did."""

from typing import Any

from leafloaf.access.models import AuditEntry


def record(actor: str, action: str, target: str, *, reason: str = "", **details: Any) -> None:
    """Writes one entry, in the transaction of the act itself: neither can be there without the other.

    Args:
        actor: a staff user's name, or the command that was run.
        action: a verb and its object, such as "replay dead letters".
        target: what it was done to, such as the sink's name; never a shop's user id.
    """
    AuditEntry.objects.create(actor=actor, action=action, target=target, reason=reason, details=details)
