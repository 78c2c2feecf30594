"""The second factor of staff: six digits of an app, or a recovery code.

A code is good once: the app's are remembered by their time (django-otp), a recovery code goes when it is used. How many
wrong ones may be tried is in `guesses`. Nobody can set up an app over one that is there without its code.
"""

import logging
import secrets
from dataclasses import dataclass

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice

from leafloaf.access import audit, encryption
from leafloaf.staff.models import Authenticator, RecoveryCodes
from leafloaf.staff.signing_in import guesses

logger = logging.getLogger(__name__)

SECRET_BYTES = 20
DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look like another."""
RECOVERY_LENGTH = 10

Device = Authenticator | RecoveryCodes
DEVICES: dict[str, type[Device]] = {guesses.APP: Authenticator, guesses.RECOVERY: RecoveryCodes}


@dataclass(frozen=True)
class Verified:
    """What a right code was of, and how many wrong ones had come since the last right one, from wherever."""

    device: Device
    wrong_before: int


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


def confirm(user: User, typed: str, place: guesses.Place) -> tuple[Authenticator, list[str]] | None:
    """Makes the app that was begun the one that counts, if this is its code; with new recovery codes, told only now.

    An open session must not guess the code of an app that its owner began and left: it would be told those.

    Raises:
        guesses.TooMany: the code was not looked at.
    """
    with transaction.atomic():
        _hold(user)
        guesses.admit(user, guesses.APP, place)
        device = Authenticator.objects.filter(user=user, confirmed=False).first()
        if device is None:
            return None
        if not _is_right(device, plain(typed)):
            guesses.count(user, guesses.APP, place)
            return None
        Authenticator.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save()
        name = user.get_username()
        audit.record(name, "set up second factor", name)
        return device, new_codes(user)


def verify(user: User, typed: str, place: guesses.Place) -> Verified | None:
    """The device whose code this is, and which now takes no other of the same moment.

    Raises:
        guesses.TooMany: the code was not looked at.
    """
    code = plain(typed)
    kind = guesses.APP if code.isdecimal() and len(code) == DIGITS else guesses.RECOVERY
    with transaction.atomic():
        _hold(user)
        guesses.admit(user, kind, place)
        before = _wrong_codes(user)
        device: Device | None = DEVICES[kind].objects.filter(user=user, confirmed=True).first()
        if device is None or not _is_right(device, code):
            guesses.count(user, kind, place)
            return None
        if kind == guesses.RECOVERY:
            name = user.get_username()
            audit.record(name, "use recovery code", name, left=codes_left(user))
        _forget_wrong_codes(user)
        return Verified(device, before)


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


def plain(typed: str) -> str:
    """A code as it is compared, however it was typed."""
    return "".join(character for character in typed.lower() if character.isascii() and character.isalnum())


def _is_right(device: Device, code: str) -> bool:
    try:
        return bool(device.verify_token(code))
    except encryption.Unreadable:
        logger.error("A second factor was encrypted under a SECRET_KEY that is not known here any more.")
        return False


def _hold(user: User) -> None:
    """Until the end of the transaction: of many tries at once each sees what became of the one before."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _wrong_codes(user: User) -> int:
    """As the devices have counted them since each saw a right one."""
    return sum(
        device.throttling_failure_count
        for kind in DEVICES.values()
        for device in kind.objects.filter(user=user, confirmed=True)
    )


def _forget_wrong_codes(user: User) -> None:
    for kind in DEVICES.values():
        kind.objects.filter(user=user).update(throttling_failure_count=0, throttling_failure_timestamp=None)
