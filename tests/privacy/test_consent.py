"""What a person allows: the defaults, each change on record, the listeners told, in SQL as in Python."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import ProtectedError
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from pytest_django import Settings

from privacy import consent, subjects, wording
from privacy.consent import DEFAULTS, Changes, Consent
from privacy.models import Actor, ConsentRecord, PrivacySettings, Purpose, Subject
from tests.privacy import example

pytestmark = pytest.mark.django_db

SQL = {
    "personalization_enabled": consent.PERSONALIZES,
    "search_history": consent.KEEPS_SEARCHES,
    "purchase_history": consent.KEEPS_PURCHASES,
    "price_tracking": consent.TRACKS_PRICES,
    "household_inference": consent.INFERS_HOUSEHOLD,
}


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[tuple[UUID, Consent, Consent]]]:
    """What the example's listeners are told."""
    example.told.clear()
    yield example.told
    example.told.clear()


def somebody(user_id: str = "user_1") -> UUID:
    return subjects.resolve([user_id])[user_id]


def change(subject_id: UUID, **changes: Any) -> Consent:
    return consent.change(subject_id, Changes(**changes), Actor.USER)  # type: ignore[typeddict-item]


def records(subject_id: UUID) -> list[tuple[str, Any, Any]]:
    rows = ConsentRecord.objects.filter(subject_id=subject_id).order_by("id")
    return list(rows.values_list("purpose", "value_before", "value_after"))


def erase_records(subject_id: UUID, whose: object) -> int:
    """How many records of the first go when erasure says that it is about the second."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('leafloaf.erasing', %s, true)", [str(whose)])
    return ConsentRecord.objects.filter(subject_id=subject_id).delete()[0]


def test_who_said_nothing_has_the_defaults_of_the_contract(django_assert_num_queries: Any) -> None:
    nobody = Consent(
        personalization_enabled=True,
        data_retention_days=90,
        search_history=True,
        purchase_history=True,
        price_tracking=False,
        household_inference=False,
    )
    with django_assert_num_queries(0):
        assert consent.of(None) == nobody
    assert consent.of(uuid4()) == consent.of(somebody()) == consent.of_user("user_2") == nobody
    assert PrivacySettings.objects.count() == 0
    assert Subject.objects.count() == 1


def test_a_row_made_by_anyone_has_the_same_defaults() -> None:
    subject_id = somebody()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO privacy_privacysettings (subject_id) VALUES (%s)", [subject_id])
    assert consent.of(subject_id) == DEFAULTS == Consent(**asdict_of(PrivacySettings()))


def asdict_of(row: PrivacySettings) -> dict[str, Any]:
    return {name: getattr(row, name) for name in asdict(DEFAULTS)}


def test_every_setting_is_a_column_and_every_setting_has_a_purpose() -> None:
    columns = {field.name for field in PrivacySettings._meta.fields} - {"subject", "updated_at"}
    assert columns == set(asdict(DEFAULTS)) == set(consent.PURPOSES) == set(Changes.__annotations__)
    assert set(consent.PURPOSES.values()) == set(Purpose)


def test_a_change_is_there_for_whoever_asks_next() -> None:
    subject_id = somebody()
    after = change(subject_id, search_history=False, data_retention_days=30)
    assert after == replace(DEFAULTS, search_history=False, data_retention_days=30)
    assert consent.of(subject_id) == consent.of_user("user_1") == after
    assert consent.of(somebody("user_2")) == DEFAULTS


def test_each_changed_purpose_is_one_record() -> None:
    subject_id = somebody()
    consent.change(
        subject_id,
        {"personalization_enabled": False, "data_retention_days": 7, "price_tracking": False},
        Actor.SHOP,
    )
    assert records(subject_id) == [("personalization", True, False), ("retention", 90, 7)]
    first = ConsentRecord.objects.first()
    assert first is not None
    assert (first.actor, first.text_version) == ("shop", wording.CURRENT)
    assert first.at is not None


def test_what_changes_nothing_is_not_recorded_and_not_told(
    settings: Settings, heard: list[tuple[UUID, Consent, Consent]]
) -> None:
    settings.PRIVACY_LISTENERS = ["tests.privacy.example.listener"]
    subject_id = somebody()
    assert change(subject_id) == change(subject_id, search_history=True) == DEFAULTS
    assert (records(subject_id), heard, PrivacySettings.objects.count()) == ([], [], 0)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={name: st.booleans() for name in SQL} | {"data_retention_days": st.integers(1, 90)},
)


@tried(max_examples=50, deadline=None)
@given(st.lists(SETTINGS, max_size=6))
def test_the_records_tell_the_whole_story(changes: list[dict[str, Any]]) -> None:
    subject_id = somebody(str(uuid4()))
    expected = DEFAULTS
    for some in changes:
        expected = replace(expected, **some)
        assert change(subject_id, **some) == expected
    assert consent.of(subject_id) == expected
    said: dict[str, Any] = {purpose: getattr(DEFAULTS, name) for name, purpose in consent.PURPOSES.items()}
    for purpose, before, after in records(subject_id):
        assert said[purpose] == before != after
        said[purpose] = after
    assert said == {purpose: getattr(expected, name) for name, purpose in consent.PURPOSES.items()}
    for name, sql in SQL.items():
        assert asked_in_sql(sql, subject_id) == getattr(expected, name)
    assert asked_in_sql(consent.KEEPS_DAYS, subject_id) == expected.data_retention_days


def asked_in_sql(sql: str, subject_id: UUID | None) -> bool | int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql.format(subject='%s::uuid')}", [subject_id])
        answer: bool | int = cursor.fetchone()[0]
        return answer


@pytest.mark.parametrize("name", SQL)
def test_sql_knows_the_default_for_nobody_and_for_who_said_nothing(name: str) -> None:
    default = getattr(DEFAULTS, name)
    assert [asked_in_sql(SQL[name], subject) for subject in (None, uuid4(), somebody())] == [default] * 3


@pytest.mark.parametrize("name", SQL)
def test_sql_asks_for_each_row_of_another_statement(name: str) -> None:
    willing, other = somebody("user_1"), somebody("user_2")
    change(willing, **{name: not getattr(DEFAULTS, name)})
    wanted = SQL[name].format(subject="person.subject_id")
    query = f"SELECT {wanted} FROM unnest(%s::uuid[]) WITH ORDINALITY AS person (subject_id, place) ORDER BY place"
    with connection.cursor() as cursor:
        cursor.execute(query, [[willing, other, None]])
        answers = [answer for (answer,) in cursor.fetchall()]
    default = getattr(DEFAULTS, name)
    assert answers == [not default, default, default]


@pytest.mark.parametrize("days", [0, 91, -1])
def test_the_database_keeps_retention_between_1_and_90_days(days: int) -> None:
    subject_id = somebody()
    with pytest.raises(IntegrityError), transaction.atomic():
        change(subject_id, data_retention_days=days)
    assert consent.of(subject_id) == DEFAULTS


@pytest.mark.parametrize("state", ["fenced", None])
def test_who_is_not_there_changes_nothing(state: str | None) -> None:
    subject_id = somebody() if state else uuid4()
    Subject.objects.update(state=Subject.State.FENCED)
    with pytest.raises(consent.Erased):
        change(subject_id, search_history=False)
    assert PrivacySettings.objects.count() == ConsentRecord.objects.count() == 0


def test_who_comes_back_after_erasure_starts_from_the_defaults() -> None:
    subject_id = somebody()
    change(subject_id, personalization_enabled=False)
    erase_records(subject_id, whose=subject_id)
    PrivacySettings.objects.all().delete()
    Subject.objects.all().delete()
    assert consent.of_user("user_1") == DEFAULTS
    assert consent.of(somebody()) == DEFAULTS


def test_who_is_being_erased_is_nobody_in_particular() -> None:
    change(somebody(), price_tracking=True)
    Subject.objects.update(state=Subject.State.FENCED)
    assert consent.of_user("user_1") == DEFAULTS


@pytest.mark.parametrize("statement", ["UPDATE {} SET purpose = purpose", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_delete_a_record(statement: str) -> None:
    change(somebody(), search_history=False)
    with (
        pytest.raises(ProgrammingError, match="written once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(ConsentRecord._meta.db_table))
    assert ConsentRecord.objects.count() == 1


def test_erasure_deletes_the_records_of_the_person_it_names_and_of_nobody_else() -> None:
    gone, stays = somebody("user_1"), somebody("user_2")
    for subject_id in (gone, stays):
        change(subject_id, search_history=False)
    assert erase_records(gone, whose=gone) == 1
    with pytest.raises(ProgrammingError, match="written once"), transaction.atomic():
        erase_records(stays, whose=gone)
    assert (records(gone), len(records(stays))) == ([], 1)


def test_not_even_erasure_changes_a_record() -> None:
    subject_id = somebody()
    change(subject_id, search_history=False)
    erase_records(somebody("user_2"), whose=subject_id)
    with pytest.raises(ProgrammingError, match="written once"), transaction.atomic():
        ConsentRecord.objects.update(value_after=True)


@pytest.mark.django_db(transaction=True)
def test_the_leave_to_delete_ends_with_its_transaction() -> None:
    subject_id = somebody()
    change(subject_id, search_history=False)
    with transaction.atomic():
        assert erase_records(somebody("user_2"), whose=subject_id) == 0
    with pytest.raises(ProgrammingError, match="written once"):
        ConsentRecord.objects.filter(subject_id=subject_id).delete()


def test_a_person_whose_consent_is_on_record_is_not_deleted_by_accident() -> None:
    change(somebody(), search_history=False)
    with pytest.raises(ProtectedError):
        Subject.objects.all().delete()


def test_a_listener_is_told_whose_settings_changed_and_how(
    settings: Settings, heard: list[tuple[UUID, Consent, Consent]]
) -> None:
    settings.PRIVACY_LISTENERS = ["tests.privacy.example.listener", "tests.privacy.example.looking"]
    subject_id = somebody()
    after = change(subject_id, search_history=False)
    assert heard == [(subject_id, DEFAULTS, after)] * 2


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_undoes_everything(settings: Settings) -> None:
    subject_id = somebody()
    before = change(subject_id, price_tracking=True)
    settings.PRIVACY_LISTENERS = ["tests.privacy.example.listener", "tests.privacy.example.refusing"]
    with pytest.raises(example.Refused):
        change(subject_id, price_tracking=False, household_inference=True)
    with pytest.raises(example.Refused):
        consent.change_of_user("user_2", {"search_history": False}, Actor.SHOP)
    assert consent.of(subject_id) == before
    assert records(subject_id) == [("price_tracking", False, True)]
    assert [subject.user_id for subject in Subject.objects.all()] == ["user_1"]


@pytest.mark.parametrize("version", wording.WORDINGS)
def test_every_purpose_is_put_in_words_in_both_languages(version: str) -> None:
    assert set(wording.WORDINGS[version]) == set(Purpose)
    assert all(wording.of(version, purpose, language) for purpose in Purpose for language in ("en", "fr"))


def test_the_page_about_privacy_has_the_current_words(settings: Settings) -> None:
    page = (settings.BASE_DIR / "docs/privacy.md").read_text()
    for purpose in Purpose:
        for language in ("en", "fr"):
            assert wording.of(wording.CURRENT, purpose, language) in page


def test_words_that_were_answered_are_never_edited() -> None:
    """Other words are a new version; its digest is added here."""
    digests = {
        version: sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:16]
        for version, words in wording.WORDINGS.items()
    }
    assert digests == {"1": "c5dca384ebfef07b"}
    assert wording.CURRENT in digests
    assert wording.of("0", Purpose.RETENTION) == ""
