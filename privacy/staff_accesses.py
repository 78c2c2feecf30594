"""What the staff looked at: written down before they see anything, told to the person by role and never by name."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from privacy import subjects
from privacy.models import StaffAccess, Subject

ANY_STATE = (Subject.State.ACTIVE, Subject.State.FENCED)


@transaction.atomic(savepoint=False)
def write_down(
    subject_id: UUID,
    actor: str,
    page: str,
    reason: str,
    states: Iterable[str] = ANY_STATE,
    category: str = "",
) -> bool:
    """Whether the person is there, in one of these states; of who is not, nothing is kept.

    Args:
        category: the usual reason, one of `LookupReason`, if one was chosen.
    """
    is_there = subjects.hold(subject_id, states)
    if is_there:
        StaffAccess.objects.create(
            subject_id=subject_id, actor=actor, page=page, category=category, reason=reason
        )
    return is_there


def roles(actors: Iterable[str]) -> dict[str, str]:
    """The groups of each; empty for who is in none, and for who is no longer there."""
    users = get_user_model().objects.filter(username__in=actors)
    groups: dict[str, list[str]] = {actor: [] for actor in actors}
    for actor, group in users.order_by("groups__name").values_list("username", "groups__name"):
        groups[actor] += [group] if group else []
    return {actor: ", ".join(names) for actor, names in groups.items()}
