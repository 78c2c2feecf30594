"""The runbook's entries about a store, the worker and the ledger, each brought about and ended as the page says."""

import psycopg
import pytest
import redis

from tests.faults.load import batch_of, post
from tests.faults.shop import DEMO_KEY, wait_until
from tests.runbook.conftest import Duty

UPLOADS = {"method": "POST", "path": "/upload/"}
A_CART = "(SELECT event_id FROM capture_event WHERE event_type = 'cart' LIMIT 1)"
SPOIL = (
    "UPDATE capture_event SET payload = jsonb_set(payload, '{{quantity}}', '{value}') WHERE event_id = {cart}"
)


def test_a_store_does_not_answer(duty: Duty) -> None:
    store = duty.shop.standin("cloud_storage")
    store.fail(times=1000, match=UPLOADS, status=503)
    duty.shop.write(25)
    duty.types("drain", "--all")
    duty.sees("cloud_storage did not take batch")
    found = duty.health()
    assert (found["status"], found["data_capture"]["cloud_storage"]) == ("degraded", "degraded")
    assert {found["data_capture"][other] for other in ("redis", "bigquery")} == {"healthy"}
    status, _, document = post(duty.web.port(), DEMO_KEY, {"events": batch_of("meanwhile", 0, 10)})
    assert (status, document["accepted"]) == (202, 10)
    store.mend()
    duty.types("sink", "resume", "cloud_storage")
    duty.types("drain", "--all")
    duty.is_over()


def test_bigquery_refuses_rows(duty: Duty) -> None:
    duty.shop.write(25)
    ((event_id,),) = duty.shop.ask(f"SELECT {A_CART}")
    duty.shop.ask(SPOIL.format(value='"many"', cart=f"'{event_id}'"))
    duty.types("drain", "--all")
    duty.sees("bigquery refused 1 events")
    assert duty.health()["data_capture"]["bigquery"] == "degraded"
    said = duty.types("dead_letters", "list", "--sink", "bigquery")
    assert "quantity" in said
    assert "dead 1" in duty.types("close_ledger")
    duty.shop.ask(SPOIL.format(value="2", cart=f"'{event_id}'"))
    duty.types("dead_letters", "replay", "--sink", "bigquery", "--because", "The table takes it now")
    duty.types("drain", "--all")
    duty.is_over()


def test_a_worker_died(duty: Duty) -> None:
    drainer = duty.shop.drainer()
    duty.shop.write(25)
    drainer.kill()
    duty.shop.nursery.run("take_readings")
    duty.shop.ask("UPDATE capture_reading SET taken_at = taken_at - interval '3 minutes'")
    duty.shop.write(25)
    found = duty.asks()
    assert (found["status"], found["worker"]) == ("degraded", "stale")
    assert duty.shop.owed()
    another = duty.shop.drainer()
    wait_until(lambda: not duty.shop.owed(), "another one goes on")
    another.kill()
    duty.is_over()


def test_the_ledger_is_open(duty: Duty) -> None:
    """An event that was delivered leaves the log by no way that there is."""
    duty.shop.write(25)
    duty.types("drain", "--all")
    with psycopg.connect(duty.shop.environment["DATABASE_URL"], autocommit=True) as session:
        session.execute("CREATE TEMPORARY TABLE taken AS SELECT * FROM capture_event LIMIT 1")
        session.execute("DELETE FROM capture_event WHERE id IN (SELECT id FROM taken)")
        said = duty.types("close_ledger")
        assert "captured 24 = delivered 25" in said
        assert "accounts do not add up" in said
        session.execute("INSERT INTO capture_event SELECT * FROM taken")
    assert "do not add up" not in duty.types("close_ledger")
    duty.is_over()


def test_redis_is_full(duty: Duty) -> None:
    """Full, with `noeviction`: what is refused waits in the log."""
    with redis.Redis.from_url(duty.shop.environment["REDIS_URL"]) as server:
        server.config_set("maxmemory-policy", "noeviction")
        server.config_set("maxmemory", "1")  # byte
        try:
            duty.shop.write(25)
            duty.types("drain", "--all")
            duty.sees("redis did not take batch")
            assert duty.health()["data_capture"]["redis"] == "degraded"
            status, _, document = post(duty.web.port(), DEMO_KEY, {"events": batch_of("full", 0, 200)})
            assert (status, document["accepted"]) == (202, 200)
            status, _, document = post(duty.web.port(), DEMO_KEY, {"query": "milk"}, "/api/v1/search")
            assert (status, bool(document["results"])) == (200, True)
        finally:
            server.config_set("maxmemory", "0")
    duty.types("sink", "resume", "redis")
    duty.is_over()


@pytest.mark.slow
def test_an_old_transaction_holds_the_horizon(duty: Duty) -> None:
    """A minute has to pass before anybody is told; the notice says how it is ended."""
    url = duty.shop.environment["DATABASE_URL"]
    with psycopg.connect(url, application_name="somebody's script", autocommit=True) as idle:
        idle.execute("SET idle_in_transaction_session_timeout = 0")  # ours end by themselves after 60 s
        idle.execute(
            "BEGIN;"
            "INSERT INTO capture_eventkey (key, digest, day)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), '2020-01-01')"
        )
        duty.shop.write(25)
        wait_until(lambda: duty.health()["log"]["horizon_age_seconds"] > 60, "a minute has passed", 300)
        (notice,) = duty.asks()["notices"]
        assert "somebody's script" in notice
        assert duty.shop.owed() == 3 * 25
        ending = notice[notice.index("SELECT pg_terminate_backend") :].split(")")[0] + ")"
        duty.shop.ask(ending)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("COMMIT")
    duty.is_over()
