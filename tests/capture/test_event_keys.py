"""One key for each event id, the same from Python and from the database that has its events already."""

import importlib
import uuid
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import ingest
from capture.event_keys import key_of
from capture.models import EventKey
from tests.calls import cart
from tests.capture.test_ingest_concurrency import encoded

MIGRATION = importlib.import_module("capture.migrations.0006_event_key_as_uuid")

uuids = st.uuids().map(str)
event_ids = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=64),
    uuids,
    uuids.map(str.upper),
    uuids.map(lambda text: text.replace("-", "")),
    uuids.map(lambda text: f"{text}\n"),
    uuids.map(lambda text: f"{{{text}}}"),
)


@given(uuids)
def test_a_uuid_is_its_own_key(event_id: str) -> None:
    assert str(uuid.UUID(bytes=key_of(event_id))) == event_id


@given(event_ids, event_ids)
def test_two_ids_have_two_keys(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) is (one == other)


@given(st.text(min_size=1, max_size=20).filter(lambda text: len(text.encode(errors="ignore")) > 0))
def test_any_other_text_gets_a_uuid_of_version_8(text: str) -> None:
    key = uuid.UUID(bytes=key_of(text.encode(errors="ignore").decode()))
    assert (key.version, key.variant) == (8, uuid.RFC_4122)


@pytest.mark.django_db
def test_the_database_makes_the_same_keys() -> None:
    with connection.cursor() as cursor:
        cursor.execute(MIGRATION.KEY_OF)

        @settings(max_examples=300, deadline=None)
        @given(st.lists(event_ids, min_size=1, max_size=20))
        def agree(texts: list[str]) -> None:
            cursor.execute("SELECT pg_temp.key_of(text) FROM unnest(%s::text[]) AS text", [texts])
            assert [key.bytes for (key,) in cursor.fetchall()] == [key_of(text) for text in texts]

        agree()
        cursor.execute("DROP FUNCTION pg_temp.key_of")


@pytest.mark.django_db
def test_what_was_taken_stays_taken_there_and_back() -> None:
    events = encoded([cart(event_id=name) for name in (str(uuid.uuid4()), "order-1", "日本", "x" * 64)])
    before = ingest.accept(events, received_at=datetime.now(UTC))
    assert before.accepted == 4
    keys = set(EventKey.objects.values_list("key", "digest", "day"))
    with connection.cursor() as cursor:
        cursor.execute(MIGRATION.KEY_OF + MIGRATION.TO_TEXTS)
        cursor.execute("SELECT event_id, digest, day FROM capture_eventkey ORDER BY event_id")
        texts = cursor.fetchall()
        assert "order-1" in {event_id for event_id, *_ in texts}
        assert {(len(digest), type(day)) for _, digest, day in texts} == {(16, date)}
        cursor.execute(MIGRATION.KEY_OF + MIGRATION.TO_UUIDS)
    assert set(EventKey.objects.values_list("key", "digest", "day")) == keys
    again = ingest.accept(events)
    assert (again.accepted, again.duplicates) == (0, 4)
