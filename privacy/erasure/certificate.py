"""The signed word that a deletion request came to its end: what went, and that a reader found nothing afterwards.

A certificate says nothing of the person: no pseudonym, hash, session, event, nor who of the staff was involved. Nor
does it say how often something was tried: whatever was killed on the way, the content is the same. Times are given to
the minute.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from privacy import holders
from privacy.erasure import canonical, certificate_keys, certificate_wording
from privacy.models import Certificate, DeletionRequest, DeletionStep

VERSION = 1
LARGEST_FILE = 256 * 1024
KEYS = {"certificate", "signature", "kid", "public_key", "algorithm"}


class NotProven(Exception):
    """Something was not read again, or was found: there is nothing to certify."""


class NotGenuine(ValueError):
    """A certificate that proves nothing; the text says why."""


@dataclass(frozen=True)
class SignedFile:
    """A certificate as it is handed out, the signature not checked yet."""

    certificate: dict[str, Any]
    signature: str
    kid: str
    public_key: str


def issue(request: DeletionRequest, now: datetime) -> Certificate:
    """The certificate of a request, written once; in the transaction that ends the request.

    Raises:
        NotProven: a step of the request is not verified.
    """
    if issued := Certificate.objects.filter(pk=request.pk).first():
        return issued
    content = content_of(request)
    signer = certificate_keys.current(now)
    document = canonical.encode(content | {"kid": signer.kid})
    return Certificate.objects.create(
        request=request, document=document.decode(), signature=signer.sign(document), kid=signer.kid
    )


def content_of(request: DeletionRequest) -> dict[str, Any]:
    """What the certificate of a request says, but for the key that signs it; changes nothing.

    Raises:
        NotProven: a step of the request is not verified.
    """
    steps = sorted(request.steps.all(), key=lambda step: (step.phase, step.holder))
    if not steps or not all(is_proven(step) or is_given_up(step) for step in steps):
        raise NotProven("Only what was read again and found absent in every store is certified.")
    given_up = any(is_given_up(step) for step in steps)
    return {
        "version": VERSION,
        "id": str(request.pk),
        "kind": request.kind,
        "statement": certificate_wording.statement(DeletionRequest.Kind(request.kind), given_up),
        "before": minute(request.before),
        "asked_at": minute(request.created_at),
        "fenced_at": minute(request.fenced_at),
        "purged_at": minute(latest(step.purged_at for step in steps)),
        "verified_at": minute(request.verified_at or latest(step.verified_at for step in steps)),
        "holders": [said_of(step) for step in steps],
    }


def is_proven(step: DeletionStep) -> bool:
    return step.presence == DeletionStep.Presence.ABSENT


def is_given_up(step: DeletionStep) -> bool:
    """Staff said that nobody can see to it any more: certified as that, never as absent."""
    return (step.state, step.presence) == (DeletionStep.State.GIVEN_UP, DeletionStep.Presence.GIVEN_UP)


def said_of(step: DeletionStep) -> dict[str, Any]:
    return {
        "holder": step.holder,
        "store": step.store,
        "title": holders.title_of(step.holder),
        "removed": None if is_given_up(step) else step.planned or 0,
        "presence": step.presence,
        "residual_until": step.residual_until.astimezone(UTC).date().isoformat()
        if step.residual_until
        else None,
        "verified_by": certificate_wording.GIVEN_UP
        if is_given_up(step)
        else certificate_wording.verified_by(step.store, was_used=was_used(step)),
    }


def was_used(step: DeletionStep) -> bool:
    """Whether anything was ever sent to the place, as far as its holder says."""
    return holders.NEVER_USED not in (step.plan or {}).get("details", {})


def as_file(certificate: Certificate) -> bytes:
    """What is handed out: the certificate, its signature, and the key that checks it offline."""
    return canonical.encode(
        {
            "certificate": canonical.decode(certificate.document.encode()),
            "signature": certificate.signature,
            "kid": certificate.kid,
            "public_key": certificate_keys.public_key(certificate.kid),
            "algorithm": certificate_keys.ALGORITHM,
        }
    )


def read(file: bytes) -> SignedFile:
    """The parts of a file, none of them checked but for their shape; spacing and order do not matter.

    Raises:
        NotGenuine: it is no such file.
    """
    if len(file) > LARGEST_FILE:
        raise NotGenuine("This is too large to be a certificate.")
    try:
        parts = canonical.decode(file)
    except canonical.NotCanonical as error:
        raise NotGenuine(f"This is no certificate. {error}") from error
    if not isinstance(parts, dict) or set(parts) != KEYS or not isinstance(parts["certificate"], dict):
        raise NotGenuine(f"This is no certificate: its parts are not {', '.join(sorted(KEYS))}.")
    if parts["algorithm"] != certificate_keys.ALGORITHM:
        raise NotGenuine(f"The algorithm is not {certificate_keys.ALGORITHM}.")
    if not all(isinstance(parts[name], str) for name in ("signature", "kid", "public_key")):
        raise NotGenuine("Signature, kid and public key are not all texts.")
    return SignedFile(parts["certificate"], parts["signature"], parts["kid"], parts["public_key"])


def check(file: bytes, public_key: str | None = None) -> SignedFile:
    """The file, when its signature is good for this key; without one, for the key in the file itself.

    Raises:
        NotGenuine: see there.
    """
    signed = read(file)
    if public_key is not None and public_key != signed.public_key:
        raise NotGenuine("It was signed with another key than this one.")
    verify(canonical.encode(signed.certificate), signed.signature, signed.public_key)
    if signed.kid != signed.certificate.get("kid"):
        raise NotGenuine("The certificate names another key than the file.")
    return signed


def verify(document: bytes, signature: str, public_key: str) -> None:
    """Passes when the key, in base64, signed this content, and the content names this key.

    The document is read and written again in its canonical form first: what was only spaced or ordered differently is
    the same document.

    Raises:
        NotGenuine: it did not; the text is a sentence for whoever asked.
    """
    try:
        content = canonical.decode(document)
    except canonical.NotCanonical as error:
        raise NotGenuine(f"This is no certificate. {error}") from error
    try:
        public = certificate_keys.from_base64(public_key)
        key = Ed25519PublicKey.from_public_bytes(public)
    except ValueError as error:
        raise NotGenuine("This is no Ed25519 public key: 32 bytes in base64.") from error
    try:
        key.verify(certificate_keys.from_base64(signature), canonical.encode(content))
    except (InvalidSignature, ValueError) as error:
        raise NotGenuine(
            "The signature is not of this content and this key: something was changed."
        ) from error
    if not isinstance(content, dict) or content.get("kid") != certificate_keys.kid_of(public):
        raise NotGenuine("The certificate names another key than the one that signed it.")


def minute(at: datetime | None) -> str | None:
    """A time in UTC, cut to the minute: enough to be held to, too little to find somebody by."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z") if at else None


def latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in times if at), default=None)
