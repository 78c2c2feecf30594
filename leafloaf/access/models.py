"""Who may call the API."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class ApiClient(models.Model):
    """A program that calls the API. What it shows is one of its keys; once revoked, it is so for good."""

    class Kind(models.TextChoices):
        PUBLISHABLE = "publishable", "Publishable (in browsers; anonymous sessions only)"
        SECRET = "secret", "Secret (servers; any user, by scope)"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16, choices=Kind)
    scopes = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    allowed_origins = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Web origins that may use a publishable key; empty allows none from a browser elsewhere.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    key_once: str | None = None
    """What may be shown to who has just added this client; stored nowhere."""

    class Meta:
        verbose_name = "API client"
        ordering: ClassVar = ["name"]
        permissions: ClassVar = [
            ("rotate_apiclient", "Can rotate and revoke the keys of an API client"),
            ("speak_for_users", "Can make what speaks for any user: secret keys and token keys"),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """The hash of one key of a client; the key itself is shown once and never kept.

    A client has more than one while a rotation lasts: the old key works until `expires_at`, the new one already.
    """

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="keys")
    lookup = models.CharField("begins with", max_length=16, db_index=True)
    key_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False, help_text="Refused from then on.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To ten minutes.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.lookup}…"


class TokenKey(models.Model):
    """A key by which the shop signs user tokens, as far as it takes to check a signature.

    Of ES256 that is the public key. Of HS256 it is the shared secret itself: shown once, encrypted here
    (`encryption.py`), and read by nobody but the check.
    """

    class Algorithm(models.TextChoices):
        ES256 = "ES256", "ES256 (the shop keeps the private key)"
        HS256 = "HS256", "HS256 (a secret that the shop and LeafLoaf share)"

    name = models.CharField(max_length=100, unique=True)
    kid = models.CharField(
        "key id",
        max_length=64,
        unique=True,
        blank=True,
        validators=[
            RegexValidator(r"^[A-Za-z0-9._-]+\Z", "Letters, digits, dots, dashes and underscores only.")
        ],
        help_text="What a token's header says in `kid`. Left empty: one is made.",
    )
    algorithm = models.CharField(max_length=5, choices=Algorithm)
    public_key = models.TextField(
        blank=True, help_text="For ES256: the public key in PEM, of the curve P-256."
    )
    secret = models.BinaryField(null=True, editable=False)
    not_before = models.DateTimeField(
        default=timezone.now, help_text="Tokens signed by this key are refused until then."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To ten minutes.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    secret_once: str | None = None
    """What may be shown to who has just added this key; stored nowhere."""

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="token_key_has_what_its_algorithm_needs",
                condition=models.Q(algorithm="ES256", secret=None) & ~models.Q(public_key="")
                | models.Q(algorithm="HS256", public_key="", secret__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """Who did what to the data or its flow. Written once: a trigger refuses every change and deletion, and where
    `protect_audit` was run the database role of the application has no right to either (`audit_protection.py`).
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=150, help_text="Staff user name, or the command that was run.")
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["target", "-id"], name="audit_by_target"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["-at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.target}"
