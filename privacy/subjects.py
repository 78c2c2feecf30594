"""From the shop's user ids to pseudonyms."""

from collections.abc import Iterable
from uuid import UUID, uuid4

from django.db import connection

from leafloaf.lib import statements
from privacy import tombstones

PSEUDONYM = "SELECT id FROM privacy_subject WHERE user_id = {user_id} AND state = 'active'"
"""SQL for the pseudonym of a user who has one, for a statement that looks up its users itself."""
KNOWN = "SELECT user_id, id, state = 'active' FROM privacy_subject WHERE user_id = ANY(%s::text[])"
# No conflict target: with one, two transactions at once still fail on the other unique constraint.
ADD = """
    INSERT INTO privacy_subject (id, user_id, generation, begins_at, state)
    SELECT new.*, 'active' FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::timestamptz[]) AS new (id, user_id)
    ORDER BY new.user_id
    ON CONFLICT DO NOTHING
"""


def resolve(user_ids: Iterable[str]) -> dict[str, UUID]:
    """The pseudonym of each user, made on first sight; who is being erased has none any more and is left out.

    Who was erased comes back as another person, of the next generation.

    Safe under concurrency: the second of two transactions that meet the same new user waits for the first and
    takes its pseudonym. New users are written in sorted order so that two batches cannot dead-lock.
    """
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    known = _known(wanted)
    while missing := [user_id for user_id in wanted if user_id not in known]:
        _add(missing)
        known |= _known(missing)
    return {user_id: subject_id for user_id, (subject_id, is_active) in known.items() if is_active}


def _known(user_ids: list[str]) -> dict[str, tuple[UUID, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [user_ids])
        return {user_id: (subject_id, is_active) for user_id, subject_id, is_active in cursor.fetchall()}


def _add(user_ids: list[str]) -> None:
    """Adds those that nobody else has just added."""
    stones = tombstones.latest(user_ids)
    before = [stones.get(user_id) for user_id in user_ids]
    statements.fetch(
        ADD,
        [
            [uuid4() for _ in user_ids],
            user_ids,
            [stone.generation + 1 if stone else 1 for stone in before],
            [stone.erased_at if stone else None for stone in before],
        ],
    )
