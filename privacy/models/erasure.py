"""A deletion request, its steps, and the certificate at its end."""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from privacy.models.consents import Actor

OUTER_LIMIT = timedelta(hours=72)


class DeletionRequest(models.Model):
    """A person's wish to be erased, from its receipt to its certificate.

    `subject_id` and `sessions` are emptied with the certificate; who asks afterwards is recognised by `user_hash`.
    """

    class Kind(models.TextChoices):
        ERASURE = "erasure", "Everything, for good"
        RETENTION = "retention", "What is older than the person allows"

    class State(models.TextChoices):
        RECEIVED = "received", "Waits for approval"
        FENCED = "fenced", "Fenced"
        COOLING_OFF = "cooling_off", "Cooling off"
        PURGING = "purging", "Purging"
        SETTLING = "settling", "Settling"
        VERIFYING = "verifying", "Verifying"
        VERIFIED = "verified", "Verified"
        CERTIFIED = "certified", "Certified"
        CANCELLED = "cancelled", "Cancelled"

        @property
        def is_terminal(self) -> bool:
            return self in {DeletionRequest.State.CERTIFIED, DeletionRequest.State.CANCELLED}

        @property
        def may_be_cancelled(self) -> bool:
            return self in {
                DeletionRequest.State.RECEIVED,
                DeletionRequest.State.FENCED,
                DeletionRequest.State.COOLING_OFF,
            }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ERASURE)
    before = models.DateTimeField(null=True, help_text="Of a retention: only what was received before goes.")
    subject_id = models.UUIDField(null=True, help_text="The pseudonym, until it is erased too.")
    user_hash = models.BinaryField(max_length=32, db_index=True)
    generation = models.PositiveIntegerField(default=1)
    sessions = models.JSONField(default=list, help_text="Visits that only this person had.")
    state = models.CharField(max_length=16, choices=State, default=State.RECEIVED)
    actor = models.CharField(max_length=16, choices=Actor, default=Actor.USER)
    requested_by = models.CharField(max_length=150, blank=True, help_text="Staff who asked on their behalf.")
    approved_by = models.CharField(max_length=150, blank=True, help_text="Staff who approved that.")
    reason = models.TextField(blank=True, help_text="Why staff asked; nothing about the person.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    fenced_at = models.DateTimeField(null=True, help_text="From then on nothing of them is stored.")
    fence_xid = models.BigIntegerField(null=True, help_text="The transaction that fenced.")
    horizon_xid = models.BigIntegerField(
        null=True, help_text="Transactions before it may still store something; null before that is known."
    )
    purge_at = models.DateTimeField(null=True, help_text="End of the cooling-off.")
    purge_started_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="Certified or cancelled.")
    question = models.TextField(blank=True, help_text="What a person must decide before it goes on.")
    guard = models.CharField(max_length=32, blank=True, help_text="Which guard asks, or asked last.")
    answered = models.JSONField(default=list, help_text="The guards that need not ask again.")
    answered_by = models.CharField(
        max_length=150, blank=True, help_text="Staff who decided that it may go on."
    )

    class Meta:
        ordering: ClassVar = ["-created_at"]
        permissions: ClassVar = [
            ("approve_deletionrequest", "Can approve what others of the staff asked for"),
            ("view_metrics", "Can view the privacy metrics, which name nobody"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_id"],
                condition=models.Q(subject_id__isnull=False, kind="erasure") & ~models.Q(state="cancelled"),
                name="one_open_request_per_subject",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(kind="erasure") & ~models.Q(state__in=["certified", "cancelled"]),
                name="deletion_open",
            ),
            models.Index(fields=["created_at"], condition=models.Q(kind="erasure"), name="deletion_received"),
            models.Index(
                fields=["ended_at"],
                condition=models.Q(kind="erasure", ended_at__isnull=False),
                name="deletion_ended",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def pseudonym(self) -> uuid.UUID:
        """Whose it is.

        Raises:
            ValueError: it has ended with a certificate.
        """
        if self.subject_id is None:
            raise ValueError("This request has ended; nobody knows any more whose it was.")
        return self.subject_id

    @property
    def due_at(self) -> datetime:
        """The outer limit: 72 hours after it was asked for (the data-flow design) or could no longer be cancelled."""
        return (self.purge_at or self.created_at) + OUTER_LIMIT


class DeletionStep(models.Model):
    """What one data holder has to do for one request, and what its own reader found afterwards."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        PURGING = "purging", "Purging"
        SETTLING = "settling", "Settling"
        PURGED = "purged", "Purged"
        GIVEN_UP = "given_up", "Given up by staff"
        ABSENT = "absent", "Absent"

    class Presence(models.TextChoices):
        """What a reader of the store can say; only `absent` is success. Of what is given up, nobody can say a thing."""

        UNKNOWN = "", "Not read yet"
        ABSENT = "absent", "Absent"
        PRESENT = "present", "Present"
        UNSUPPORTED = "unsupported", "Cannot be read"
        FORBIDDEN = "forbidden", "Not allowed to read"
        UNREACHABLE = "unreachable", "Does not answer"
        GIVEN_UP = "given_up", "Not verified: given up by staff"

    request = models.ForeignKey(DeletionRequest, on_delete=models.CASCADE, related_name="steps")
    holder = models.CharField(max_length=32)
    store = models.CharField(max_length=32)
    phase = models.PositiveSmallIntegerField(
        help_text="Steps of a phase begin when those before it have purged."
    )
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    plan = models.JSONField(
        null=True, help_text="What to purge, remembered before anything is; emptied at the end."
    )
    planned = models.BigIntegerField(null=True, help_text="Rows, lines or keys of the plan.")
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="Failed attempts in a row.")
    available_at = models.DateTimeField(db_default=Now(), help_text="Not to be tried before.")
    leased_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    purged_at = models.DateTimeField(null=True)
    presence = models.CharField(max_length=16, choices=Presence, blank=True, default=Presence.UNKNOWN)
    found = models.BigIntegerField(default=0, help_text="What the reader still found.")
    verified_at = models.DateTimeField(null=True, help_text="When the reader found nothing.")
    residual_until = models.DateTimeField(
        null=True, help_text="Until then the store itself could bring it back: time travel, soft delete."
    )
    last_error = models.TextField(blank=True)
    needs_attention = models.TextField(
        blank=True, help_text="Why a person has to look; it does not go on by itself."
    )
    held_by = models.CharField(max_length=150, blank=True, help_text="Staff who put a legal hold on it.")
    held_reason = models.TextField(blank=True)
    held_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["phase", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "holder"], name="one_step_per_request_and_holder")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["available_at"], condition=~models.Q(state="absent"), name="privacy_step_due"
            ),
            models.Index(
                fields=["residual_until"],
                condition=models.Q(residual_until__isnull=False),
                name="deletion_residual",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.holder}"


class CertificateKey(models.Model):
    """An Ed25519 key that signs certificates; the private half is encrypted with `SECRET_KEY`."""

    kid = models.CharField("key id", max_length=64, unique=True)
    public_key = models.CharField(max_length=64, help_text="32 bytes, base64.")
    private_key = models.BinaryField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    retired_at = models.DateTimeField(null=True, help_text="Signs nothing since; what it signed stays valid.")

    def __str__(self) -> str:
        return self.kid


class Certificate(models.Model):
    """The signed word that somebody was erased; holds nothing about them."""

    request = models.OneToOneField(DeletionRequest, on_delete=models.PROTECT, primary_key=True)
    document = models.TextField(help_text="Canonical JSON, as it was signed.")
    signature = models.CharField(max_length=128, help_text="Ed25519, base64.")
    kid = models.CharField("key id", max_length=64)

    def __str__(self) -> str:
        return str(self.request_id)
