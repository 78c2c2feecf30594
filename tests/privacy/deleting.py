"""A deletion request over the shelves of `tests.privacy.shelf`."""

from datetime import UTC, datetime, timedelta

import time_machine

from privacy import subjects
from privacy.erasure import machine, requests
from privacy.models import Actor, DeletionRequest, DeletionStep
from tests.privacy.shelf import Shelf


def asked(user_id: str = "user_1", rows: int = 3, **wait: float) -> DeletionRequest:
    subject_id = subjects.resolve([user_id])[user_id]
    Shelf.rows[str(subject_id)] = rows
    return requests.open_for(user_id, Actor.USER, timedelta(**wait))


def advance(until_quiet: bool = False) -> None:
    """Does what is due at one moment: what failed in it rests, however long that takes on a busy machine."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        machine.advance_all(until_quiet=until_quiet)


def again(request: DeletionRequest) -> DeletionRequest:
    return DeletionRequest.objects.get(pk=request.pk)


def step(holder: str = "shelf") -> DeletionStep:
    return DeletionStep.objects.get(holder=holder)
