"""What a person may take away, how they get in, and who looked at them."""

import uuid
from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from privacy.models.lookups import LookupReason


class DataExport(models.Model):
    """Everything held on one person as a zip, encrypted, for one download within a day."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Being made"
        READY = "ready", "Ready"
        DOWNLOADED = "downloaded", "Downloaded"
        EXPIRED = "expired", "Expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_id = models.UUIDField(db_index=True)
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    downloaded_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    last_error = models.TextField(blank=True)
    content = models.BinaryField(
        null=True, help_text="The zip, encrypted; emptied when it was taken or expired."
    )
    size = models.BigIntegerField(null=True, help_text="Bytes of the zip.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="export_by_time"),
            models.Index(fields=["created_at"], condition=models.Q(state="requested"), name="export_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class PrivacyLink(models.Model):
    """A way into a person's own page that the shop hands them: once, for a short while."""

    token_hash = models.BinaryField(
        primary_key=True, max_length=32, help_text="SHA-256 of what the link says."
    )
    subject_id = models.UUIDField(db_index=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.subject_id)


class StaffAccess(models.Model):
    """That somebody of the staff looked at a person, and why: written before they see anything, shown to the person."""

    subject_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=150, help_text="Staff user name; the person is shown the role only.")
    page = models.CharField(max_length=64, help_text="What was looked at.")
    category = models.CharField(
        max_length=16, blank=True, choices=LookupReason, default="", db_default="",
        help_text="The usual reason that was chosen, if one was: told to the person in their language.",
    )  # fmt: skip
    reason = models.TextField()

    class Meta:
        verbose_name_plural = "staff accesses"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["subject_id", "-id"], name="access_by_subject"),
            BrinIndex(fields=["at"], name="access_by_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.page}"


class SuppressedCount(models.Model):
    """How many events of people being erased, or erased, were refused, by day; of whom is not kept."""

    day = models.DateField(primary_key=True)
    count = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.count} on {self.day}"
