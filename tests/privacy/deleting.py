"""A deletion request over the shelves of `tests.privacy.shelf`."""

from datetime import timedelta

from privacy import subjects
from privacy.erasure import requests
from privacy.models import Actor, DeletionRequest, DeletionStep
from tests.privacy.shelf import Shelf


def asked(user_id: str = "user_1", rows: int = 3, **wait: float) -> DeletionRequest:
    subject_id = subjects.resolve([user_id])[user_id]
    Shelf.rows[str(subject_id)] = rows
    return requests.open_for(user_id, Actor.USER, timedelta(**wait))


def again(request: DeletionRequest) -> DeletionRequest:
    return DeletionRequest.objects.get(pk=request.pk)


def step(holder: str = "shelf") -> DeletionStep:
    return DeletionStep.objects.get(holder=holder)
