"""One key for each event id, the same from Python and from the database that has its events already."""

import hashlib
import importlib
import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import ingest
from capture.event_keys import CANONICAL, key_of
from capture.models import EventKey
from tests.calls import cart
from tests.capture.test_ingest_concurrency import encoded

AS_UUID = importlib.import_module("capture.migrations.0006_event_key_as_uuid")
ONE_WAY = importlib.import_module("capture.migrations.0008_one_way_event_keys")

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
def test_of_a_uuid_the_first_six_bytes_stay_and_the_rest_is_one_way(event_id: str) -> None:
    own = uuid.UUID(event_id).bytes
    assert key_of(event_id) == own[:6] + hashlib.sha256(own).digest()[:10]


def test_ids_made_in_the_order_of_time_stay_neighbours() -> None:
    """UUIDs of version 7 begin with their millisecond."""
    made = [f"{0x019A_0000_0000 + ms:012x}" for ms in range(0, 5000, 7)]
    event_ids = [f"{time[:8]}-{time[8:]}-7{n:03x}-8000-000000000000" for n, time in enumerate(made)]
    keys = [key_of(event_id) for event_id in event_ids]
    assert keys == sorted(keys)


@given(event_ids, event_ids)
def test_two_ids_have_two_keys(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) is (one == other)


@given(st.text(min_size=1, max_size=20).filter(lambda text: len(text.encode(errors="ignore")) > 0))
def test_any_other_text_gets_a_uuid_of_version_8(text: str) -> None:
    key = uuid.UUID(bytes=key_of(text.encode(errors="ignore").decode()))
    assert (key.version, key.variant) == (8, uuid.RFC_4122)


@pytest.mark.django_db
def test_the_database_makes_the_same_keys() -> None:
    """Of texts those of the migration that made keys of them, of UUIDs those of the one that made them one way."""
    with connection.cursor() as cursor:
        cursor.execute(AS_UUID.KEY_OF + ONE_WAY.ONE_WAY)

        @settings(max_examples=300, deadline=None)
        @given(st.lists(event_ids, min_size=1, max_size=20))
        def agree(texts: list[str]) -> None:
            cursor.execute(
                """SELECT CASE WHEN is_uuid THEN pg_temp.one_way(uuid_send(key)) ELSE key END
                   FROM unnest(%s::text[], %s::bool[]) AS given (text, is_uuid), pg_temp.key_of(text) AS key""",
                [texts, [bool(CANONICAL.fullmatch(text)) for text in texts]],
            )
            assert [key.bytes for (key,) in cursor.fetchall()] == [key_of(text) for text in texts]

        agree()
        cursor.execute("DROP FUNCTION pg_temp.key_of; DROP FUNCTION pg_temp.one_way")


OF_VERSION_8 = "0193a0b1-c2d3-8abc-9def-0123456789ab"


@pytest.mark.django_db
def test_what_was_taken_stays_taken() -> None:
    """From event ids themselves to one-way keys, by way of both migrations."""
    event_ids = [str(uuid.uuid4()), OF_VERSION_8, OF_VERSION_8.upper(), "order-1", "日本", "x" * 64]
    events = encoded([cart(event_id=event_id) for event_id in event_ids])
    assert ingest.accept(events, received_at=datetime.now(UTC)).accepted == len(events)
    keys = set(EventKey.objects.values_list("key", "digest", "day"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE capture_eventkey RENAME TO capture_eventkey_wanted")
        cursor.execute(
            "ALTER TABLE capture_eventkey_wanted RENAME CONSTRAINT capture_eventkey_pkey TO wanted"
        )
        cursor.execute(
            "CREATE TABLE capture_eventkey (event_id varchar(64) NOT NULL, digest bytea, day date)"
        )
        cursor.execute(
            "ALTER TABLE capture_eventkey ADD CONSTRAINT capture_eventkey_pkey PRIMARY KEY (event_id)"
        )
        cursor.executemany(
            """INSERT INTO capture_eventkey
               SELECT %s, uuid_send(digest), day FROM capture_eventkey_wanted WHERE key = %s""",
            [(event_id, uuid.UUID(bytes=key_of(event_id))) for event_id in event_ids],
        )
        cursor.execute(AS_UUID.KEY_OF + AS_UUID.TO_UUIDS)
        assert set(EventKey.objects.values_list("key", "digest", "day")) != keys
        cursor.execute(ONE_WAY.ONE_WAY + ONE_WAY.REWRITE)
    assert set(EventKey.objects.values_list("key", "digest", "day")) == keys
    again = ingest.accept(events)
    assert (again.accepted, again.duplicates) == (0, len(events))


@pytest.mark.django_db
def test_a_key_whose_event_is_gone_from_the_log_is_taken_for_a_texts() -> None:
    """Nothing says what a key of version 8 was made of then; both go with their day."""
    kept, changed = uuid.UUID(OF_VERSION_8), uuid.uuid4()
    for key in (kept, changed):
        EventKey.objects.create(key=key, digest=uuid.uuid4(), day=datetime.now(UTC).date())
    with connection.cursor() as cursor:
        cursor.execute(ONE_WAY.ONE_WAY + ONE_WAY.REWRITE)
    keys = set(EventKey.objects.values_list("key", flat=True))
    assert keys == {kept, uuid.UUID(bytes=key_of(str(changed)))}
