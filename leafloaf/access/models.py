"""Who may call the API."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class ApiClient(models.Model):
    """A program that calls the API, and the hash of its one key; the key itself is shown once and never kept."""

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
    lookup = models.CharField(max_length=16, db_index=True, help_text="How the key starts.")
    key_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API client"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """Who did what to the data or its flow. Written once: a trigger refuses every change and deletion."""

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=150, help_text="Staff user name, or the command that was run.")
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["target", "-id"], name="audit_by_target")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.target}"
