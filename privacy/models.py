"""The one table that knows the shop's user ids."""

import uuid

from django.db import models
from django.db.models.functions import Now


class Subject(models.Model):
    """A person under a random pseudonym, which is all that events and outside stores ever see of them."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        ERASED = "erased", "Erased"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.CharField(max_length=128, help_text="The shop's own id of this person.")
    generation = models.PositiveIntegerField(
        default=1, help_text="2 for who came back after erasure, and so on."
    )
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user_id"], condition=models.Q(state="active"), name="one_active_subject_per_user"
            ),
            models.UniqueConstraint(fields=["user_id", "generation"], name="one_subject_per_generation"),
        ]

    def __str__(self) -> str:
        return str(self.id)
