"""A staff member's permission to look at one person for a short while, and why they need to."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class LookupReason(models.TextChoices):
    """The usual reasons. The person is told which of them it was."""

    QUESTION = "question", "The person asked us something"
    ORDER = "order", "A problem with an order"
    FAULT = "fault", "Something they are shown is wrong"
    PRIVACY = "privacy", "A privacy request"
    MISUSE = "misuse", "Suspected misuse of the account"
    OTHER = "other", "Another reason"


class PersonLookup(models.Model):
    """One look-up: its id is what stands in addresses, where neither the pseudonym nor the shop's user id may.

    Only who opened it can use it, until it expires or is ended. One without a subject found nobody; it is kept, without
    the id that was asked for, because it counts against how many look-ups somebody may make.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_id = models.UUIDField(null=True, db_index=True)
    actor = models.CharField(max_length=150, help_text="Staff user name.")
    category = models.CharField(max_length=16, choices=LookupReason, default=LookupReason.OTHER)
    reason = models.TextField(help_text="In the words of the staff; says nothing of the person.")
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Ended by its button, before it expired.")

    class Meta:
        default_permissions = ()
        permissions: ClassVar = [
            ("lookup_person", "Can look at a person, for a reason that the person is told")
        ]
        indexes: ClassVar = [models.Index(fields=["actor", "-opened_at"], name="lookup_by_actor")]

    def __str__(self) -> str:
        return str(self.id)

    def is_open(self, now: datetime) -> bool:
        return self.subject_id is not None and self.ended_at is None and now < self.expires_at
