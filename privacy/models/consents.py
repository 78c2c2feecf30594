"""What each person allows, and when they said so."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from privacy.models.subjects import Subject


class PrivacySettings(models.Model):
    """What a person allows; who has no row has the defaults."""

    subject = models.OneToOneField(Subject, on_delete=models.CASCADE, primary_key=True)
    personalization_enabled = models.BooleanField(default=True, db_default=True)
    data_retention_days = models.PositiveSmallIntegerField(default=90, db_default=90)
    search_history = models.BooleanField(default=True, db_default=True)
    purchase_history = models.BooleanField(default=True, db_default=True)
    price_tracking = models.BooleanField(default=False, db_default=False)
    household_inference = models.BooleanField(default=False, db_default=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "privacy settings"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(data_retention_days__range=(1, 90)), name="data_is_kept_for_1_to_90_days"
            )
        ]

    def __str__(self) -> str:
        return str(self.subject_id)


class Purpose(models.TextChoices):
    """What a consent is about: one setting each."""

    PERSONALIZATION = "personalization", "Personalization"
    SEARCH_HISTORY = "search_history", "Search history"
    PURCHASE_HISTORY = "purchase_history", "Purchase history"
    PRICE_TRACKING = "price_tracking", "Price tracking"
    HOUSEHOLD_INFERENCE = "household_inference", "Household inference"
    RETENTION = "retention", "Retention"


class Actor(models.TextChoices):
    """Who changed a setting."""

    USER = "user", "The person"
    SHOP = "shop", "The shop, with a secret key"
    STAFF = "staff", "Staff"
    GPC = "gpc", "The browser, by Global Privacy Control"


class ConsentRecord(models.Model):
    """One change of one purpose. Written once: a trigger refuses every change, and every deletion but erasure's.

    Erasure deletes the records of one person after `set_config('leafloaf.erasing', <pseudonym>, true)`.
    """

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, db_index=False)
    purpose = models.CharField(max_length=32, choices=Purpose)
    value_before = models.JSONField()
    value_after = models.JSONField()
    text_version = models.CharField(max_length=16, help_text="Of the words in `privacy.wording`.")
    actor = models.CharField(max_length=16, choices=Actor)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "-id"], name="consent_by_subject"),
            BrinIndex(fields=["at"], name="consent_by_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.purpose}"
