"""How a shop signs user tokens, with PyJWT and keys of `cryptography`."""

import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from leafloaf.access import token_keys
from leafloaf.access.models import TokenKey

USER = "user_123"


@dataclass(frozen=True)
class Signer:
    """A shop that has one key."""

    kid: str
    algorithm: str
    key: str | EllipticCurvePrivateKey

    def token(self, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good token, but for the changes: a claim that is None is left out."""
        return jwt.encode(
            claims(**changes), self.key, algorithm=self.algorithm, headers=headers or {"kid": self.kid}
        )


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"sub": USER, "aud": "leafloaf", "iat": now, "exp": now + 600}
    return {name: value for name, value in (good | changes).items() if value is not None}


def private_key() -> EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def hs256(kid: str = "shared", **fields: Any) -> Signer:
    """A shop with a new secret, which LeafLoaf has too."""
    key = TokenKey(name=f"Shop {kid}", kid=kid, algorithm="HS256", **fields)
    secret = token_keys.add(key, by="tests")
    token_keys.forget()
    assert secret
    return Signer(kid, "HS256", secret)


def es256(kid: str = "pair", **fields: Any) -> Signer:
    """A shop with a new pair of keys, of which LeafLoaf has the public one."""
    private = private_key()
    key = TokenKey(name=f"Shop {kid}", kid=kid, algorithm="ES256", public_key=public_pem(private), **fields)
    assert token_keys.add(key, by="tests") is None
    token_keys.forget()
    return Signer(kid, "ES256", private)
