"""Whose page it is."""

from dataclasses import dataclass

from leafloaf.lib import request_ids
from privacy.models import DeletionRequest, PrivacyLink, Subject
from privacy.pages.sessions import ENTRY, REQUEST, PersonSession


@dataclass(frozen=True)
class Person:
    """Who is signed in, as far as they are still known.

    Attributes:
        subject: None once it was erased.
        request: the erasure that has not ended or, of who was erased, that was certified.
    """

    subject: Subject | None
    request: DeletionRequest | None

    @property
    def name(self) -> str:
        """By which they are counted: the pseudonym or, of who is gone, the request that saw to it."""
        known = self.subject or self.request
        return str(known.pk) if known else ""

    @property
    def is_active(self) -> bool:
        return self.subject is not None and self.subject.state == Subject.State.ACTIVE


def of_session(session: PersonSession) -> Person | None:
    """The person of this session, None when nothing is left that it refers to.

    The session remembers the erasure while the link it was begun with can still tell, for the link is erased too.
    """
    link = PrivacyLink.objects.filter(pk=bytes.fromhex(session[ENTRY])).first()
    subject = Subject.objects.filter(pk=link.subject_id).first() if link else None
    request_ids.note_subject(subject.pk if subject else None)
    request = open_request(subject) if subject else remembered(session, link)
    if subject is None and request is None:
        return None
    if request is None:
        session.pop(REQUEST, None)
    else:
        session[REQUEST] = str(request.pk)
    return Person(subject, request)


def open_request(subject: Subject) -> DeletionRequest | None:
    wanted = DeletionRequest.objects.filter(subject_id=subject.pk, kind=DeletionRequest.Kind.ERASURE)
    return wanted.exclude(state=DeletionRequest.State.CANCELLED).first()


def remembered(session: PersonSession, link: PrivacyLink | None) -> DeletionRequest | None:
    """The erasure of somebody whose row is gone."""
    wanted = session.get(REQUEST) or (link and link.subject_id)
    return DeletionRequest.objects.filter(pk=wanted).first() if wanted else None
