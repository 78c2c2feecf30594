"""From the shop's user ids to pseudonyms."""

from collections.abc import Iterable
from uuid import UUID, uuid4

from django.db import connection, transaction

from leafloaf.lib import request_ids, statements
from privacy import tombstones
from privacy.models import Subject

PSEUDONYM = "SELECT id FROM privacy_subject WHERE user_id = {user_id} AND state = 'active'"
"""SQL for the pseudonym of a user who has one, for a statement that looks up its users itself."""
PERSON = "SELECT id, state, begins_at FROM privacy_subject WHERE user_id = {user_id} LIMIT 1"
"""SQL for a user in whatever state, for `LEFT JOIN LATERAL`; `suppression` judges them.

The limit keeps the planner from reading the whole table for a join: it asks the index for each user.
"""
KNOWN = "SELECT user_id, id, state = 'active' FROM privacy_subject WHERE user_id = ANY(%s::text[])"
ADD = """
    INSERT INTO privacy_subject (id, user_id, generation, state)
    SELECT id, user_id, 1, 'active' FROM unnest(%s::uuid[], %s::text[]) AS new (id, user_id)
    ORDER BY user_id
    ON CONFLICT (user_id) DO NOTHING
    RETURNING user_id
"""
COME_BACK = """
    UPDATE privacy_subject AS subject SET generation = stone.generation + 1, begins_at = stone.erased_at
    FROM unnest(%s::text[], %s::integer[], %s::timestamptz[]) AS stone (user_id, generation, erased_at)
    WHERE subject.user_id = stone.user_id
"""

HOLD = "SELECT true FROM privacy_subject WHERE id = %s::uuid AND state = ANY(%s::text[]) FOR KEY SHARE"


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
    if len(known) == 1:
        request_ids.note_subject(next(iter(known.values()))[0])
    return {user_id: subject_id for user_id, (subject_id, is_active) in known.items() if is_active}


def hold(subject_id: UUID, states: Iterable[str] = (Subject.State.ACTIVE, Subject.State.FENCED)) -> bool:
    """Whether the person is there, and in one of these states; they then stay so until the caller's transaction ends.

    For whoever writes a row about somebody who may be erased at this very moment.
    """
    return bool(statements.fetch(HOLD, [subject_id, list(states)]))


def _known(user_ids: list[str]) -> dict[str, tuple[UUID, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [user_ids])
        return {user_id: (subject_id, is_active) for user_id, subject_id, is_active in cursor.fetchall()}


def _add(user_ids: list[str]) -> None:
    """Adds those that nobody else has just added.

    Tombstones are read once the rows are there: whoever was erased until then left one no later than their row went,
    and nobody can be erased from here on, before this transaction ends.
    """
    with transaction.atomic(savepoint=False):
        added = [user_id for (user_id,) in statements.fetch(ADD, [[uuid4() for _ in user_ids], user_ids])]
        if back := tombstones.latest(added):
            stones = back.values()
            statements.fetch(
                COME_BACK,
                [list(back), [stone.generation for stone in stones], [stone.erased_at for stone in stones]],
            )
