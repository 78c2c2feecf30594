"""The second factor of staff: six digits of an app, or a recovery code.

A code is good once: the app's are remembered by their time (django-otp), a recovery code goes when it is used. Wrong
ones make the next try wait, 1, 2, 4 … seconds. Nobody can set up an app over one that is there without its code.
"""

import logging
import secrets
from math import ceil

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice

from leafloaf.access import audit, encryption
from leafloaf.staff.models import Authenticator, RecoveryCodes

logger = logging.getLogger(__name__)

SECRET_BYTES = 20
DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look like another."""
RECOVERY_LENGTH = 10

Device = Authenticator | RecoveryCodes


def app_of(user: User) -> Authenticator | None:
    """The app whose codes count."""
    return Authenticator.objects.filter(user=user, confirmed=True).first()


def codes_left(user: User) -> int:
    device = RecoveryCodes.objects.filter(user=user).first()
    return device.token_set.count() if device else 0


def begin(user: User) -> Authenticator:
    """An app that does not count yet; one that was begun before is forgotten."""
    Authenticator.objects.filter(user=user, confirmed=False).delete()
    device = Authenticator(user=user, name="Authenticator app", confirmed=False)
    device.seal(secrets.token_bytes(SECRET_BYTES))
    device.save()
    return device


def confirm(user: User, typed: str) -> tuple[Authenticator, list[str]] | None:
    """Makes the app that was begun the one that counts, if this is its code; with new recovery codes, told only now."""
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not _is_right(device, plain(typed)):
            return None
        Authenticator.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save()
        name = user.get_username()
        audit.record(name, "set up second factor", name)
        return device, new_codes(user)


def verify(user: User, typed: str) -> Device | None:
    """The device whose code this is, and which now takes no other of the same moment."""
    code = plain(typed)
    kind: type[Device] = Authenticator if code.isdecimal() and len(code) == DIGITS else RecoveryCodes
    with transaction.atomic():
        device: Device | None = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None or not _is_right(device, code):
            return None
        if kind is RecoveryCodes:
            name = user.get_username()
            audit.record(name, "use recovery code", name, left=codes_left(user))
        return device


def new_codes(user: User) -> list[str]:
    """Recovery codes instead of all former ones."""
    codes = [
        "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = RecoveryCodes.objects.create(user=user, name="Recovery codes")
        device.add(codes)
        name = user.get_username()
        audit.record(name, "make recovery codes", name)
    return codes


def reset(user: User, by: str, reason: str = "") -> None:
    """Takes everything away; where it is asked for, the user must set up another before anything else.

    Open sessions end: else whoever has one could set up an app without the password.
    """
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        RecoveryCodes.objects.filter(user=user).delete()
        audit.record(by, "reset second factor", user.get_username(), reason=reason)
        end_sessions(user)


def end_sessions(user: User, but: str | None = None) -> None:
    """Signs the user out everywhere, or everywhere but here.

    Whose session it is stands inside it, so that all that have not expired are read; a reset is rare.
    """
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.session_key != but and session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def seconds_to_wait(user: User) -> int:
    """Until the next try counts; 0 when it may be made now."""
    waits = [0]
    for kind in (Authenticator, RecoveryCodes):
        for device in kind.objects.filter(user=user):
            is_allowed, why = device.verify_is_allowed()
            if not is_allowed:
                waits.append(ceil((why["locked_until"] - timezone.now()).total_seconds()))
    return max(waits)


def plain(typed: str) -> str:
    """A code as it is compared, however it was typed."""
    return "".join(character for character in typed.lower() if character.isascii() and character.isalnum())


def _is_right(device: Device, code: str) -> bool:
    try:
        return bool(device.verify_token(code))
    except encryption.Unreadable:
        logger.error("A second factor was encrypted under a SECRET_KEY that is not known here any more.")
        return False
