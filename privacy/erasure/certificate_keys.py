"""The Ed25519 keys that sign certificates: the private half stays here, encrypted; the public half is published.

A key's id is made of the public key itself, so that a file that names one and carries another gives itself away.
"""

import base64
import binascii
import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from leafloaf.access import audit, encryption
from privacy.models import CertificateKey

logger = logging.getLogger(__name__)

ALGORITHM = "Ed25519"
LOCK = "privacy.certificate_keys"
"""Of the advisory lock that keeps two makers of the first key apart."""


@dataclass(frozen=True)
class Signer:
    kid: str
    private_key: Ed25519PrivateKey

    def sign(self, document: bytes) -> str:
        """The signature, in base64."""
        return base64.b64encode(self.private_key.sign(document)).decode()


@transaction.atomic
def current(now: datetime) -> Signer:
    """The newest key in use; made when there is none, or none that this `SECRET_KEY` can read."""
    if signer := newest():
        return signer
    lock()
    return newest() or make(now)


@transaction.atomic
def rotate(now: datetime, *, by: str) -> str:
    """Retires the keys in use and returns the id of a new one; what the old ones signed stays valid."""
    lock()
    CertificateKey.objects.filter(retired_at=None).update(retired_at=now)
    kid = make(now).kid
    audit.record(by, "rotate certificate key", kid)
    return kid


def published() -> list[dict[str, Any]]:
    """Every key there ever was, the newest first: what anybody needs to know whose certificate it is."""
    return [
        {
            "kid": key.kid,
            "algorithm": ALGORITHM,
            "public_key": key.public_key,
            "created_at": key.created_at,
            "retired_at": key.retired_at,
        }
        for key in CertificateKey.objects.order_by("-id").defer("private_key")
    ]


def public_key(kid: str) -> str:
    """The shop's key of this id, in base64; none for an id that is not the shop's."""
    return CertificateKey.objects.filter(kid=kid).values_list("public_key", flat=True).first() or ""


def kid_of(public: bytes) -> str:
    return sha256(public).hexdigest()[:32]


def from_base64(text: str) -> bytes:
    """The bytes of a text in base64 that says them in the only way.

    Raises:
        ValueError: it is none. The spare bits of the last character count too: no two texts mean the same.
    """
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("This is no base64.") from error
    if base64.b64encode(found).decode() != text:
        raise ValueError("This is no base64 as it is written.")
    return found


def newest() -> Signer | None:
    for key in CertificateKey.objects.filter(retired_at=None).order_by("-id"):
        try:
            private = encryption.decrypt(bytes(key.private_key), key.kid)
        except encryption.Unreadable:
            logger.error("The certificate key %s cannot be read with this SECRET_KEY.", key.kid)
        else:
            return Signer(key.kid, Ed25519PrivateKey.from_private_bytes(private))
    return None


def make(now: datetime) -> Signer:
    private_key = Ed25519PrivateKey.generate()
    public = private_key.public_key().public_bytes_raw()
    signer = Signer(kid_of(public), private_key)
    CertificateKey.objects.create(
        kid=signer.kid,
        public_key=base64.b64encode(public).decode(),
        private_key=encryption.encrypt(private_key.private_bytes_raw(), signer.kid),
        created_at=now,
    )
    return signer


def lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK])
