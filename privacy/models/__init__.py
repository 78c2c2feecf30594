"""The rows of privacy."""

from privacy.models.access import DataExport, PrivacyLink, StaffAccess, SuppressedCount
from privacy.models.consents import Actor, ConsentRecord, PrivacySettings, Purpose
from privacy.models.erasure import Certificate, CertificateKey, DeletionRequest, DeletionStep
from privacy.models.lookups import LookupReason, PersonLookup
from privacy.models.metrics import PrivacyReport, RetentionNight
from privacy.models.subjects import Subject, SuppressedSession, Tombstone

__all__ = [
    "Actor",
    "Certificate",
    "CertificateKey",
    "ConsentRecord",
    "DataExport",
    "DeletionRequest",
    "DeletionStep",
    "LookupReason",
    "PersonLookup",
    "PrivacyLink",
    "PrivacyReport",
    "PrivacySettings",
    "Purpose",
    "RetentionNight",
    "StaffAccess",
    "Subject",
    "SuppressedCount",
    "SuppressedSession",
    "Tombstone",
]
