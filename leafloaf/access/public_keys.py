"""Public keys of ES256, as PEM."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


class BadPublicKey(ValueError):
    """It is no public key of the curve P-256; the message is for who gave it."""


def load(pem: str) -> EllipticCurvePublicKey:
    """The key of a PEM.

    Raises:
        BadPublicKey: see there.
    """
    if "PRIVATE KEY" in pem:
        raise BadPublicKey("This is a private key. It never leaves the shop; give the public one.")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPublicKey(
            "This is no public key in PEM, which begins with `-----BEGIN PUBLIC KEY-----`."
        ) from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise BadPublicKey("ES256 needs a key of the elliptic curve P-256 (prime256v1).")
    return key


def normalised(pem: str) -> str:
    """The same key written the usual way, without whatever stood around it.

    Raises:
        BadPublicKey: see there.
    """
    return load(pem).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
