"""Secrets that must be read again, encrypted: who has a copy of the database alone cannot use them.

AES-256-GCM, with a key derived from `SECRET_KEY`; what a former one encrypted is read with `SECRET_KEY_FALLBACKS`. A
secret is bound to a name, so that it cannot be moved to another row. What is large is encrypted in chunks, each bound
to its place too.
"""

import secrets
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES, TAG_BYTES = 12, 16
CHUNK_BYTES = 1024 * 1024
PURPOSE = b"leafloaf.access.encryption"


class Unreadable(ValueError):
    """Encrypted under another `SECRET_KEY`, bound to another name, or changed since."""


def encrypt(secret: bytes, name: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + cipher(settings.SECRET_KEY).encrypt(nonce, secret, name.encode())


def decrypt(encrypted: bytes, name: str) -> bytes:
    """What `encrypt` was given.

    Raises:
        Unreadable: see there.
    """
    nonce, rest = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
    for secret_key in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        try:
            return cipher(secret_key).decrypt(nonce, rest, name.encode())
        except (InvalidTag, ValueError):  # a ValueError is for what is too short
            continue
    raise Unreadable(f"The secret of {name!r} cannot be read with this SECRET_KEY.")


def encrypt_chunks(source: BinaryIO, name: str) -> Iterator[bytes]:
    """What stands in a file, in pieces to be put one after another."""
    number, chunk = 0, source.read(CHUNK_BYTES)
    while following := source.read(CHUNK_BYTES):
        yield encrypt(chunk, place(name, number, is_last=False))
        number, chunk = number + 1, following
    yield encrypt(chunk, place(name, number, is_last=True))


def decrypt_chunks(encrypted: bytes | memoryview, name: str) -> Iterator[bytes]:
    """What `encrypt_chunks` was given, chunk by chunk.

    Raises:
        Unreadable: see there; also when pieces were left out, moved or cut off.
    """
    size = NONCE_BYTES + CHUNK_BYTES + TAG_BYTES
    for number, start in enumerate(range(0, max(len(encrypted), 1), size)):
        is_last = start + size >= len(encrypted)
        yield decrypt(bytes(encrypted[start : start + size]), place(name, number, is_last))


def place(name: str, number: int, is_last: bool) -> str:
    return f"{name} {number} {'last' if is_last else 'more'}"


@lru_cache(maxsize=8)
def cipher(secret_key: str) -> AESGCM:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
    return AESGCM(key)
