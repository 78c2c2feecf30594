"""What staff sign in with: other packages' tables under rules of ours."""

from base64 import b32encode, b64decode, b64encode
from typing import ClassVar

from axes.models import AccessAttempt
from django.conf import settings
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from leafloaf.access import encryption


class FailedSignIn(AccessAttempt):
    """Wrong passwords for one name from one address, until they are forgotten."""

    class Meta:
        proxy = True
        verbose_name = "failed sign-in"
        default_permissions = ("view",)
        permissions: ClassVar = [("unlock_signin", "Can let somebody try again who was locked out")]


class Authenticator(TOTPDevice):
    """The app that shows somebody's six digits. Its secret is encrypted: a copy of the table makes no codes."""

    class Meta:
        proxy = True
        verbose_name = "authenticator"
        default_permissions = ("view",)
        permissions: ClassVar = [
            (
                "reset_authenticator",
                "Can take away somebody else's second factor, so that they set up another",
            )
        ]

    @property
    def bin_key(self) -> bytes:
        return encryption.decrypt(b64decode(self.key), self._name())

    def seal(self, secret: bytes) -> None:
        self.key = b64encode(encryption.encrypt(secret, self._name())).decode()

    def _name(self) -> str:
        return f"authenticator of {self.user_id}"


class RecoveryCodes(StaticDevice):
    """Codes for whoever has lost the app, each good once. Only what tells a right one from a wrong one is kept."""

    class Meta:
        proxy = True
        default_permissions = ()

    def verify_token(self, token: str) -> bool:
        kept = self.token_set.filter(token__in=self.traces(token)).values_list("token", flat=True)
        is_right: bool = super().verify_token(kept.first() or "")  # type: ignore[no-untyped-call]
        return is_right

    def add(self, codes: list[str]) -> None:
        for code in codes:
            self.token_set.create(token=self.traces(code)[0])

    def traces(self, code: str) -> list[str]:
        """What a code leaves in the table, under today's SECRET_KEY and each former one."""
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        salt = f"leafloaf.staff.recovery {self.user_id}"
        digests = [salted_hmac(salt, code, secret=key, algorithm="sha256").digest() for key in secrets]
        return [b32encode(digest[:10]).decode().lower() for digest in digests]
