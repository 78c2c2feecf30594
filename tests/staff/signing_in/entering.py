"""Signing in as staff do: by the page, with a password and a code."""

import re
import time
from base64 import b32decode
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP

PASSWORD = "four-bakers-at-dawn"
LOGIN, CODE, SET_UP, INDEX = (
    "/admin/login/",
    "/admin/second-factor/",
    "/admin/second-factor/set-up/",
    "/admin/",
)


def staff(name: str = "rosemary", **changes: Any) -> User:
    return User.objects.create_user(
        name, password=PASSWORD, **{"is_staff": True, "is_superuser": True} | changes
    )


def password_shown(
    name: str = "rosemary", password: str = PASSWORD, client: Client | None = None
) -> tuple[Client, Any]:
    client = client or Client()
    return client, client.post(LOGIN, {"username": name, "password": password, "next": INDEX})


def secret_of(answer: Any) -> bytes:
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', answer.content.decode())
    assert found, "no secret is shown"
    return b32decode(found[1].replace(" ", ""))


def code_of(secret: bytes, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    totp = TOTP(secret)
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06d}"


def codes_of(answer: Any) -> list[str]:
    return re.findall(r"<li><code>([a-z0-9]{10})</code></li>", answer.content.decode())


def set_up(client: Client) -> tuple[bytes, list[str]]:
    """The secret and the recovery codes of who has just shown a password."""
    secret = secret_of(client.post(SET_UP, {"act": "begin"}))
    codes = codes_of(client.post(SET_UP, {"act": "confirm", "code": code_of(secret)}))
    assert len(codes) == 10
    return secret, codes
