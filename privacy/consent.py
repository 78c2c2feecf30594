"""What a person allows: ask for it, ask inside another statement, change it.

Invariants:
* Who has no row allows the defaults, and asking writes nothing.
* The settings, the record of each change and what the listeners do commit together or not at all.
* Changes of one person wait for each other and each sees the one before: none is lost, and the records join up.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from leafloaf.lib import statements
from privacy import subjects, wording
from privacy.models import Actor, ConsentRecord, PrivacySettings, Purpose, Subject


class Erased(LookupError):
    """There is no such person, or no longer."""


@dataclass(frozen=True)
class Consent:
    """The settings of one person; without arguments, of who never said anything."""

    personalization_enabled: bool = True
    data_retention_days: int = 90
    search_history: bool = True
    purchase_history: bool = True
    price_tracking: bool = False
    household_inference: bool = False


class Changes(TypedDict, total=False):
    """Some settings of a `Consent`, with their new values."""

    personalization_enabled: bool
    data_retention_days: int
    search_history: bool
    purchase_history: bool
    price_tracking: bool
    household_inference: bool


DEFAULTS = Consent()
PURPOSES = {
    "personalization_enabled": Purpose.PERSONALIZATION,
    "data_retention_days": Purpose.RETENTION,
    "search_history": Purpose.SEARCH_HISTORY,
    "purchase_history": Purpose.PURCHASE_HISTORY,
    "price_tracking": Purpose.PRICE_TRACKING,
    "household_inference": Purpose.HOUSEHOLD_INFERENCE,
}
"""What each setting is called in a consent record."""


def _setting(name: str) -> str:
    """SQL for a setting of the person `{subject}`: a parameter or a column with its table's name before it.

    Of nobody (NULL), and of who has no row, it is the default.
    """
    row = f"SELECT {name} FROM privacy_privacysettings WHERE subject_id = {{subject}}"  # noqa: S608 (a name of ours)
    return f"coalesce(({row}), {str(getattr(DEFAULTS, name)).lower()})"


PERSONALIZES = _setting("personalization_enabled")
KEEPS_SEARCHES = _setting("search_history")
KEEPS_PURCHASES = _setting("purchase_history")
TRACKS_PRICES = _setting("price_tracking")
INFERS_HOUSEHOLD = _setting("household_inference")
KEEPS_DAYS = _setting("data_retention_days")

STORED = "SELECT {columns} FROM privacy_privacysettings WHERE subject_id = {{subject}}".format(  # noqa: S608
    columns=", ".join(field.name for field in fields(Consent))
)
OF_SUBJECT = STORED.format(subject="%s")
OF_USER = STORED.format(subject=f"({subjects.PSEUDONYM.format(user_id='%s')})")


def of(subject_id: UUID | None) -> Consent:
    """What this person allows, or nobody in particular; one prepared statement."""
    return _read(OF_SUBJECT, subject_id) if subject_id else DEFAULTS


def of_user(user_id: str) -> Consent:
    """What the shop's user allows; who was never seen before is not made known by the question."""
    return _read(OF_USER, user_id)


def _read(query: str, parameter: UUID | str) -> Consent:
    rows = statements.fetch(query, [parameter])
    return Consent(*rows[0]) if rows else DEFAULTS


def change(subject_id: UUID, changes: Changes, actor: Actor) -> Consent:
    """Sets what is given, in force for whoever asks after the commit; returns all settings.

    Raises:
        Erased: there is no such active person.
        Exception: whatever a listener raises; then nothing has changed.
    """
    with transaction.atomic():
        hold(subject_id)
        before = of(subject_id)
        after = replace(before, **changes)
        if after != before:
            write(subject_id, after)
            record(subject_id, before, after, actor)
            tell(subject_id, before, after)
    return after


def change_of_user(user_id: str, changes: Changes, actor: Actor) -> Consent:
    """`change` for the shop's user, who becomes a subject if need be."""
    with transaction.atomic():
        if (subject_id := subjects.resolve([user_id]).get(user_id)) is None:
            raise Erased("This person is being erased.")
        return change(subject_id, changes, actor)


def hold(subject_id: UUID) -> None:
    """Lets nobody else change this person's settings before the transaction ends.

    The lock is on the person, for there may be no settings yet. It also waits for who has `FOR KEY SHARE` on the row.
    """
    active = Subject.objects.filter(pk=subject_id, state=Subject.State.ACTIVE)
    if not active.select_for_update().values_list("pk").first():
        raise Erased("There is no such person, or no longer.")


def write(subject_id: UUID, consent: Consent) -> None:
    PrivacySettings.objects.update_or_create(
        subject_id=subject_id, defaults=asdict(consent) | {"updated_at": Now()}
    )


def record(subject_id: UUID, before: Consent, after: Consent, actor: Actor) -> None:
    """One row for each purpose that changed."""
    old, new = asdict(before), asdict(after)
    ConsentRecord.objects.bulk_create(
        ConsentRecord(
            subject_id=subject_id,
            purpose=purpose,
            value_before=old[name],
            value_after=new[name],
            text_version=wording.CURRENT,
            actor=actor,
        )
        for name, purpose in PURPOSES.items()
        if old[name] != new[name]
    )


def tell(subject_id: UUID, before: Consent, after: Consent) -> None:
    """Calls `settings.PRIVACY_LISTENERS`: the way up to those who inferred something that is not allowed any more."""
    for path in settings.PRIVACY_LISTENERS:
        import_string(path)(subject_id, before, after)
