"""The one table that knows the shop's user ids, and what is left of who was erased."""

import uuid

from django.db import models
from django.db.models.functions import Now


class Subject(models.Model):
    """A person under a random pseudonym, which is all that events and outside stores ever see of them.

    The row goes with everything else when the person is erased; what is left is a `Tombstone`.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        FENCED = "fenced", "Fenced"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.CharField(max_length=128, help_text="The shop's own id of this person.")
    generation = models.PositiveIntegerField(
        default=1, help_text="2 for who came back after erasure, and so on."
    )
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    begins_at = models.DateTimeField(
        null=True, editable=False, help_text="Who came back: what happened before was erased, and is refused."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user_id"], name="one_subject_per_user"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Tombstone(models.Model):
    """That somebody was erased, for their late events to be refused and for them to be told so.

    The shop's user id stands here as a keyed hash (`privacy.tombstones`) that nobody can turn back.
    """

    user_hash = models.BinaryField(max_length=32)
    generation = models.PositiveIntegerField()
    request_id = models.UUIDField(unique=True)
    erased_at = models.DateTimeField(help_text="Their events that happened up to then are refused.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user_hash", "generation"], name="one_tombstone_per_generation")
        ]

    def __str__(self) -> str:
        return str(self.request_id)


class SuppressedSession(models.Model):
    """A visit that only a person being erased had: its anonymous events are refused until they would be too old."""

    session_hash = models.BinaryField(primary_key=True, max_length=32, help_text="SHA-256 of the session id.")
    request_id = models.UUIDField(db_index=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.request_id)
