"""The rows of privacy."""

from privacy.models.access import DataExport, PrivacyLink, StaffAccess, SuppressedCount
from privacy.models.consents import Actor, ConsentRecord, PrivacySettings, Purpose
from privacy.models.erasure import Certificate, CertificateKey, DeletionRequest, DeletionStep
from privacy.models.subjects import Subject, SuppressedSession, Tombstone

__all__ = [
    "Actor",
    "Certificate",
    "CertificateKey",
    "ConsentRecord",
    "DataExport",
    "DeletionRequest",
    "DeletionStep",
    "PrivacyLink",
    "PrivacySettings",
    "Purpose",
    "StaffAccess",
    "Subject",
    "SuppressedCount",
    "SuppressedSession",
    "Tombstone",
]
