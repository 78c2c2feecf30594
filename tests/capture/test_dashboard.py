"""*Backend health*, as staff get it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from capture import dashboard, ingest, log
from capture.models import DeadLetter, Event, OutboxBatch, Reading, Sink
from capture.partitions import start_of
from leafloaf.access.models import AuditEntry
from tests.capture import outbox_rows as rows
from tests.capture.counting import at_most

pytestmark = pytest.mark.django_db

PAGE = "/admin/dashboards/backend-health/"
NOW = datetime(2026, 11, 20, 12, 0, 40, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _sinks(settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True, cloud_storage=True, bigquery=False)


@pytest.fixture
def user() -> User:
    found = User.objects.create_user("olive", is_staff=True)
    names = ["view_sink", "view_outboxbatch", "view_deadletter"]
    found.user_permissions.set(Permission.objects.filter(codename__in=names))
    return found


@pytest.fixture
def olive(user: User, client: Client) -> Iterator[Client]:
    """Staff who may look."""
    with time_machine.travel(NOW, tick=False):
        client.force_login(user)
        yield client


@pytest.fixture
def keeper(user: User, olive: Client) -> Client:
    """Staff who may pause and resume too."""
    user.user_permissions.add(Permission.objects.get(codename="change_sink"))
    return olive


def text_of(client: Client, query: str = "") -> str:
    """The page's words, without its tags."""
    answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return words_of(answer.content.decode())


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_a_new_shop_is_told_what_to_do(olive: Client) -> None:
    text = text_of(olive)
    assert "No readings yet." in text
    assert "manage.py take_readings" in text
    assert "Nothing captured yet." in text
    assert "No batch has been sealed yet." in text
    assert "manage.py close_ledger" in text


def test_the_first_event_ends_the_advice(olive: Client) -> None:
    ingest.accept([b'{"event_type": "search", "query": "pain", "session_id": "s"}'])
    assert "Nothing captured yet." not in text_of(olive)


def test_a_card_says_state_and_numbers(olive: Client) -> None:
    values = {"waiting": 1204, "lag_seconds": 200.0, "delivered": 61_204, "dead": 3, "health": "degraded"}
    rows.reading("redis", NOW - timedelta(seconds=12), **values).save()
    text = text_of(olive)
    assert "Read 12 s ago" in text
    assert "Redis Degraded" in text
    assert "Waiting 1,204 Oldest 3 min 20 s Delivered 61,204 Dead 3" in text
    assert "BigQuery Disabled Switched off in the settings." in text


def test_a_failing_sink_speaks_for_itself(olive: Client) -> None:
    rows.reading("redis", NOW).save()
    Sink.objects.create(
        name="redis",
        failures=5,
        available_at=NOW + timedelta(seconds=90),
        last_error="LOADING Redis is <loading>",
        last_error_at=NOW - timedelta(seconds=30),
    )
    text = text_of(olive)
    assert "5 failures in a row ; next try in 1 min 30 s." in text
    assert "Last error, 30 s ago LOADING Redis is &lt;loading&gt;" in text


def test_an_old_reading_says_that_nobody_takes_any(olive: Client) -> None:
    rows.reading("redis", NOW - timedelta(minutes=5)).save()
    text = text_of(olive)
    assert "The worker or the scheduler is not running." in text
    assert "Redis Unknown" in text
    assert "Was healthy when last read, 5 min ago." in text


def test_a_recent_reading_raises_no_alarm(olive: Client) -> None:
    rows.reading("redis", NOW - timedelta(seconds=119)).save()
    assert "is not running" not in text_of(olive)


@pytest.mark.parametrize(
    ("query", "step"), [("?range=1h", 60), ("?range=24h", 900), ("?range=7d", 5400), ("?range=x", 60)]
)
def test_the_charts_follow_the_range(olive: Client, query: str, step: int) -> None:
    Reading.objects.bulk_create(rows.day_of_readings("redis", NOW))
    answer = olive.get(PAGE + query)
    (card,) = [card for card in answer.context["cards"] if card.name == "redis"]
    points = card.lag[0].points
    assert (points[1][0] - points[0][0]).total_seconds() == step
    assert "Redis: oldest undelivered event" in answer.content.decode()


def test_the_ledger_says_closed_or_says_it_loudly(olive: Client) -> None:
    rows.account("redis", NOW.date(), 500)
    rows.account("cloud_storage", NOW.date(), 500, delivered=488)
    rows.account("redis", NOW.date() - timedelta(days=8), 77_777)
    text = text_of(olive)
    assert "✓ 0, closed" in text
    assert "⚠ 12 unexplained" in text
    assert "77,777" not in text


def test_the_latest_batches_can_be_had_by_sink(olive: Client) -> None:
    for number in range(1, 26):
        rows.batch("redis", number, NOW - timedelta(minutes=number))
    rows.batch("cloud_storage", 7, NOW, state="sealed", delivered_at=None, attempts=2)
    shown = olive.get(PAGE).context["batches"]
    assert len(shown) == 20
    assert str(shown[0].batch) == "cloud_storage-7"
    of_redis = olive.get(PAGE + "?sink=redis").context["batches"]
    assert [sent.batch.sequence for sent in of_redis] == list(range(25, 5, -1))


def test_a_blocked_batch_asks_for_a_person(olive: Client) -> None:
    rows.batch("redis", 1, NOW, state=OutboxBatch.State.BLOCKED, delivered_at=None)
    assert "1 blocked batch needs a person" in text_of(olive)


def test_dead_letters_are_grouped_by_their_reason(olive: Client) -> None:
    batch = rows.batch("cloud_storage", 1, NOW)
    for number in range(3):
        rows.dead_letter(batch, f"a{number}", "no such field: dietry_marks.")
    rows.dead_letter(batch, "b", "too large")
    rows.dead_letter(batch, "c", "settled long ago", state="discarded")
    text = text_of(olive)
    assert re.search(r"Cloud Storage 3 dead letters of Cloud Storage no such field: dietry_marks\.", text)
    assert re.search(r"Cloud Storage 1 dead letters of Cloud Storage too large", text)
    assert "settled long ago" not in text


def test_the_page_costs_a_bounded_number_of_queries(
    keeper: Client,
) -> None:
    for name in ("redis", "cloud_storage", "bigquery"):
        Reading.objects.bulk_create(rows.day_of_readings(name, NOW))
        for number in range(1, 12):
            batch = rows.batch(name, number, NOW)
            rows.dead_letter(batch, f"{number}", f"reason {number}")
        rows.account(name, NOW.date(), 500)
    with at_most(15):
        assert keeper.get(PAGE).status_code == 200


def test_nothing_on_the_page_is_inline(olive: Client) -> None:
    rows.reading("redis", NOW).save()
    page = olive.get(PAGE).content.decode()
    assert "style=" not in page
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)


def test_a_pause_and_a_resume_leave_word_of_who_did_it(keeper: Client) -> None:
    assert "Pause" in text_of(keeper)
    keeper.post(PAGE, {"act": "pause", "sink": "redis", "because": "a new cable"})
    assert Sink.objects.get(name="redis").state == Sink.State.PAUSED
    text = text_of(keeper)
    assert "Redis is paused." in text
    assert "Paused by staff" in text
    keeper.post(PAGE, {"act": "resume", "sink": "redis"})
    assert Sink.objects.get(name="redis").state == Sink.State.ENABLED
    assert on_record() == [("olive", "pause sink", "redis"), ("olive", "resume sink", "redis")]


def on_record() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "target"))


def test_a_sink_switched_off_is_disabled_and_offers_to_be_switched_on(keeper: Client) -> None:
    rows.reading("redis", NOW).save()
    keeper.post(PAGE, {"act": "off", "sink": "redis", "because": "moving house"})
    text = text_of(keeper)
    assert "Redis Off Disabled" in text
    assert "Switched off by staff" in text
    keeper.post(PAGE, {"act": "on", "sink": "redis"})
    assert "Redis is switched on and catches up." in text_of(keeper)
    assert on_record() == [("olive", "switch sink off", "redis"), ("olive", "switch sink on", "redis")]
    assert AuditEntry.objects.filter(reason="moving house").count() == 1


@pytest.mark.parametrize(("rests", "said"), [(90, "Circuit open"), (-1, "Circuit half-open")])
def test_a_card_shows_its_circuit_breaker(olive: Client, rests: int, said: str) -> None:
    Sink.objects.create(name="redis", failures=2, available_at=NOW + timedelta(seconds=rests))
    assert said in text_of(olive)


def test_a_back_fill_is_counted_before_it_is_done(keeper: Client) -> None:
    day = log.oldest_day()
    for number in (1, 2):
        rows.batch("redis", number, start_of(day) + timedelta(hours=number))
    Sink.objects.create(name="redis", delivered=200)
    asked = keeper.get(PAGE, {"back_fill": "redis", "since": str(day)})
    assert "2 batches with 200 events" in words_of(asked.content.decode())
    assert OutboxBatch.objects.filter(state="delivered").count() == 2
    answer = {"act": "back-fill", "sink": "redis", "since": str(day), "because": "Redis was lost"}
    text = words_of(keeper.post(PAGE, answer, follow=True).content.decode())
    assert "Redis gets 2 batches with 200 events again." in text
    assert OutboxBatch.objects.filter(state="sealed").count() == 2
    assert on_record() == [("olive", "back-fill sink", "redis")]


@pytest.mark.parametrize(("since", "said"), [("2001-01-01", "The log begins on"), ("soon", "is not a day")])
def test_a_back_fill_that_cannot_be_says_why(keeper: Client, since: str, said: str) -> None:
    asked = keeper.get(PAGE, {"back_fill": "redis", "since": since})
    assert said in words_of(asked.content.decode())
    body = {"act": "back-fill", "sink": "redis", "since": since}
    assert "Nothing was done." in words_of(keeper.post(PAGE, body, follow=True).content.decode())
    assert on_record() == []


def test_who_may_only_look_is_not_asked_about_a_back_fill(olive: Client) -> None:
    assert "back_fill" not in olive.get(PAGE, {"back_fill": "redis"}).context
    assert olive.post(PAGE, {"act": "back-fill", "sink": "redis"}).status_code == 403


def test_the_reasons_lead_to_their_dead_letters(olive: Client) -> None:
    rows.dead_letter(rows.batch("redis", 1, NOW), "a", "no such field: prix & poids?")
    page = olive.get(PAGE).content.decode()
    (link,) = re.findall(r'href="(/admin/capture/deadletter/[^"]*alike=[^"]*)"', page)
    assert "prix" not in unescape(link)
    shown = olive.get(unescape(link)).context["cl"].result_list
    assert [letter.event_id for letter in shown] == ["a"]


def test_who_may_only_look_finds_no_button_and_is_refused(olive: Client) -> None:
    assert 'value="pause"' not in olive.get(PAGE).content.decode()
    assert olive.post(PAGE, {"act": "pause", "sink": "redis"}).status_code == 403
    assert not Sink.objects.exists()


@pytest.mark.parametrize(
    "body", [{"act": "pause", "sink": "warehouse", "because": "x"}, {"act": "drop", "sink": "redis"}, {}]
)
def test_nonsense_is_404(keeper: Client, body: dict[str, str]) -> None:
    assert keeper.post(PAGE, body).status_code == 404


def headline(*readings: Reading) -> tuple[str, str]:
    Reading.objects.bulk_create(readings)
    from django.test import RequestFactory

    found = dashboard.BackendHealth().headline(RequestFactory().get("/"))
    return found.state, found.sentence


def test_the_headline_names_the_worst(olive: Client) -> None:
    ill = rows.reading("redis", NOW, health="unhealthy", waiting=1200)
    late = rows.reading("cloud_storage", NOW, health="degraded", waiting=4)
    assert headline(ill, late) == ("unhealthy", "Redis is unhealthy; 1,204 events waiting")


def test_the_headline_of_a_well_shop_counts_what_arrived(olive: Client) -> None:
    readings = [rows.reading(name, NOW, delivered=500) for name in ("redis", "cloud_storage")]
    assert headline(*readings) == ("healthy", "All 2 sinks are healthy; 1,000 deliveries")


def test_the_headline_says_when_nobody_reads(olive: Client) -> None:
    state, sentence = headline(rows.reading("redis", NOW - timedelta(hours=1)))
    assert state == "unknown"
    assert "not running" in sentence


def test_the_headline_of_a_shop_without_sinks(olive: Client, settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=False)
    assert headline() == ("disabled", "Every sink is switched off")


@pytest.mark.parametrize("act", ["pause", "off"])
def test_a_sink_is_not_stopped_without_a_reason(keeper: Client, act: str) -> None:
    answer = keeper.post(PAGE, {"act": act, "sink": "redis", "because": "  "}, follow=True)
    assert "Nothing was done. Say why" in words_of(answer.content.decode())
    assert not Sink.objects.exists()
    assert on_record() == []


def letters_of(*reasons: str) -> list[DeadLetter]:
    batch = rows.batch("redis", 1, NOW)
    return [rows.dead_letter(batch, f"e-{number}", reason) for number, reason in enumerate(reasons)]


@pytest.fixture
def mender(user: User, olive: Client) -> Client:
    """Staff who may replay."""
    user.user_permissions.add(Permission.objects.get(codename="change_deadletter"))
    return olive


@pytest.mark.parametrize(("is_alike", "count"), [(True, 2), (False, 3)])
def test_a_replay_is_counted_before_it_is_done(mender: Client, is_alike: bool, count: int) -> None:
    letters = letters_of("no such field", "no such field", "too large")
    alike = {"alike": str(letters[0].pk)} if is_alike else {}
    asked = mender.get(PAGE, {"replay": "redis", **alike})
    assert f"Replay {count} dead letters of Redis?" in words_of(asked.content.decode())
    assert not DeadLetter.objects.exclude(state="dead").exists()
    later = rows.dead_letter(letters[0].batch, "later", "no such field")
    newest = str(asked.context["replay"].newest)
    body = {"act": "replay", "sink": "redis", "newest": newest, "because": "mended", **alike}
    done = mender.post(PAGE, body, follow=True)
    assert f"{count} dead letters of Redis will be tried again." in words_of(done.content.decode())
    assert DeadLetter.objects.filter(state="pending").count() == count
    later.refresh_from_db()
    assert later.state == "dead"
    assert on_record() == [("olive", "replay dead letters", "redis")]


def test_who_may_not_replay_is_not_asked_and_is_refused(keeper: Client) -> None:
    letters_of("too large")
    assert "replay" not in keeper.get(PAGE, {"replay": "redis"}).context
    assert keeper.post(PAGE, {"act": "replay", "sink": "redis", "newest": "9"}).status_code == 403


@pytest.mark.parametrize("whose", [{}, {"user_id": "ann"}])
def test_a_sample_says_what_was_sent_only_when_it_is_nobodys(olive: Client, whose: dict[str, str]) -> None:
    body = {"event_type": "search", "event_id": "e", "query": "lait de chèvre", "session_id": "s", **whose}
    assert ingest.accept([json.dumps(body).encode()]).accepted == 1
    event = Event.objects.get()
    span = {"first_xid": event.xid, "first_id": event.id, "last_xid": event.xid, "last_id": event.id}
    rows.dead_letter(rows.batch("redis", 1, NOW, day=event.received_at.date(), **span), "e", "too large")
    page = olive.get(PAGE).content.decode()
    assert ("lait de chèvre" in page) == (not whose)
    assert ("<code>query</code> text" in page) == bool(whose)
    assert "&quot;reason&quot;: &quot;invalid&quot;" in page


def test_deliveries_that_failed_are_grouped_by_what_was_said(olive: Client) -> None:
    for number in range(1, 4):
        state = {"state": "sealed", "delivered_at": None} if number == 3 else {}
        rows.batch("redis", number, NOW, attempts=2, last_error="503 busy", **state)
    rows.batch("redis", 4, NOW)
    assert "Redis 3 1 6 503 busy" in text_of(olive)
