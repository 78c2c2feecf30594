"""The fence: from its commit on, nobody is served as this person and nothing of them is stored.

Invariants:
* State, sessions and the transaction's number commit together with the request, or not at all.
* A statement that began before the commit may still store an event. Nothing is planned before all of those are over
  (`is_settled`), and the visits are looked for once more then (`extend`).
* Taking the fence down removes what this request put up, and nothing that another put there.
"""

import hashlib
from datetime import datetime, timedelta

from leafloaf.lib import statements
from privacy import holders
from privacy.models import DeletionRequest, Subject, SuppressedSession

SUPPRESSED = timedelta(days=31)
"""After the end; events that happened longer ago are refused anyway (`capture.validation.PAST`)."""
MEANWHILE = timedelta(days=3650)
"""While a request is open there is no limit."""

MARK = "SELECT pg_current_xact_id()::text::bigint"
# A statement has its snapshot before it has a number, so those are waited for first, and numbers after them.
OLD_SNAPSHOTS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      AND backend_xmin IS NOT NULL AND age(backend_xmin) >= age((%(xid)s::bigint %% 4294967296)::text::xid)
"""
HORIZON = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
OLDEST_OPEN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


def put_up(request: DeletionRequest, now: datetime) -> None:
    """Fences the request's subject; to be called in the transaction that opens it, with the subject's row locked."""
    Subject.objects.filter(pk=request.pseudonym).update(state=Subject.State.FENCED)
    request.fenced_at = now
    request.fence_xid = statements.fetch(MARK)[0][0]
    extend(request, now)


def extend(request: DeletionRequest, now: datetime) -> None:
    """Adds the visits that are known to be the person's now; the caller stores the request."""
    request.sessions = sorted({*request.sessions, *holders.visits(request.pseudonym)})
    suppress(request, now, now + MEANWHILE)


def suppress(request: DeletionRequest, now: datetime, until: datetime) -> None:
    """Refuses the visits' events for so long. A visit that another request has suppressed stays that one's."""
    forget_expired(now)
    SuppressedSession.objects.bulk_create(
        [
            SuppressedSession(session_hash=hash_of(session), request_id=request.id, until=until)
            for session in request.sessions
        ],
        ignore_conflicts=True,
    )
    SuppressedSession.objects.filter(request_id=request.id).update(until=until)


def forget_expired(now: datetime) -> None:
    SuppressedSession.objects.filter(until__lt=now).delete()


def hash_of(session_id: str) -> bytes:
    """What ingest compares an anonymous event's session with (`privacy.suppression.OF_A_VISIT`)."""
    return hashlib.sha256(session_id.encode()).digest()


def take_down(request: DeletionRequest) -> None:
    """Serves and stores the person again."""
    fenced = Subject.objects.filter(pk=request.pseudonym, state=Subject.State.FENCED)
    fenced.update(state=Subject.State.ACTIVE)
    SuppressedSession.objects.filter(request_id=request.id).delete()


def is_settled(request: DeletionRequest) -> bool:
    """Whether every transaction that may not have seen the fence is over; to be called outside of any."""
    if request.horizon_xid is None:
        if statements.fetch(OLD_SNAPSHOTS, {"xid": request.fence_xid})[0][0]:
            return False
        request.horizon_xid = statements.fetch(HORIZON)[0][0]
        request.save(update_fields=["horizon_xid"])
    return bool(statements.fetch(OLDEST_OPEN)[0][0] >= request.horizon_xid)
