"""From the API or from history to Redis, Cloud Storage and BigQuery: what the stores hold is what the log holds."""

import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.management import call_command

from capture import ledger
from capture.models import Event
from privacy.models import Subject
from tests import data
from tests.calls import Api, one_of_each
from tests.flows.stores import Stores, in_log


def run(command: str, *arguments: str, **options: bool) -> str:
    output = io.StringIO()
    call_command(command, *arguments, stdout=output, **options)
    return output.getvalue()


def test_the_five_types_reach_all_three_stores_once(stores: Stores, secret: Api) -> None:
    for shopper in ("user_1", "user_2", None):
        named = {"user_id": shopper} if shopper else {}
        assert secret.send(*one_of_each(**named))["accepted"] == 5
    run("drain", all=True)
    logged = in_log()
    assert set(logged.values()) == {1}
    assert len(logged) == 15
    assert stores.in_cloud_storage() == logged
    assert stores.in_bigquery() == logged
    for event_type in ("search", "interaction", "cart", "order", "recommendation_impression"):
        assert stores.redis_total("events:daily:*", event_type) == 3
    assert stores.redis_total("user:*:profile", "events") == 10


def test_no_store_knows_the_shops_user_id(stores: Stores, secret: Api) -> None:
    secret.send(*one_of_each(user_id="marked-user-4711"))
    run("drain", all=True)
    pseudonym = str(Subject.objects.get().id)
    content = b"".join(found.download_as_bytes() for found in stores.objects())
    assert pseudonym.encode() in content
    assert b"marked-user-4711" not in content
    keys = stores.redis.keys("*")
    assert any(pseudonym in key for key in keys)
    assert not any("marked-user-4711" in key for key in keys)


def test_two_years_of_real_orders(stores: Stores) -> None:
    """BigBasket: 638 members, 3,233 orders, 34,471 lines; sent twice, shifted to end today."""
    folder = data.folder("bigbasket_orders")
    files = str(folder / "orders.csv"), str(folder / "items.csv")
    report = run("load_catalogue", str(folder / "catalogue.csv"))
    assert "636" in report
    begun = datetime.now(UTC)
    assert "3233 accepted, 0 already there" in run("replay_orders", *files, shift_to_now=True)
    assert "0 accepted, 3233 already there" in run("replay_orders", *files, shift_to_now=True)
    run("drain", all=True)

    logged = in_log()
    assert len(logged) == 3233
    assert set(logged.values()) == {1}
    assert stores.in_cloud_storage() == logged
    assert stores.in_bigquery() == logged
    assert stores.redis_total("events:daily:*", "order") == 3233
    assert stores.redis_total("user:*:profile", "orders") == 3233
    assert stores.redis_scores("products:popular:*") == 34471
    assert Subject.objects.count() == 638

    assert ledger.open_accounts(ledger.close()) == []
    gaps_are_kept(folder, begun)


def gaps_are_kept(folder: Path, begun: datetime) -> None:
    """Every order stands as long before the last one as it did in the file, and the last one is when they were sent."""
    lines = (folder / "orders.csv").read_text().splitlines()[1:]
    original = {f"order-{line.split(',')[0]}": datetime.fromisoformat(line.split(",")[2]) for line in lines}
    stored = dict(Event.objects.values_list("event_id", "occurred_at"))
    last = max(stored.values())
    assert begun - timedelta(seconds=1) <= last < begun + timedelta(minutes=5)
    assert {key: last - moment for key, moment in stored.items()} == {
        key: max(original.values()) - moment for key, moment in original.items()
    }


def test_objects_hold_at_most_a_hundred_events(stores: Stores, secret: Api) -> None:
    for _ in range(50):
        secret.send(*one_of_each())
    run("drain", all=True)
    sizes = Counter(len(found.download_as_bytes().splitlines()) for found in stores.objects())
    assert sizes == Counter({100: 2, 50: 1})
    names = [found.name for found in stores.objects()]
    assert all(name.startswith("events/") and name.endswith("_events.jsonl") for name in names)
    lines = [
        json.loads(line) for found in stores.objects() for line in found.download_as_bytes().splitlines()
    ]
    assert {line["batch"] for line in lines} == {f"cloud_storage-{number}" for number in (1, 2, 3)}
