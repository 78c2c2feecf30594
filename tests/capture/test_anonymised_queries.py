"""What analytics is told of what people typed: by each store, as the real clients read it."""

import json
import math
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs
from pytest_django import Settings

from capture import anonymised, schema, sinks
from capture.anonymised import Memory
from capture.models import Event
from capture.records import Record, encoder
from capture.sinks.memory import MemorySink
from leafloaf.catalog.models import Product
from leafloaf.stack.throwaway import ThrowawayStack
from leafloaf.storefront import analytics
from privacy import shapes
from tests.calls import Api, cart, interaction, order, search
from tests.capture import stores as opening
from tests.capture.test_schema_check import wider as wider
from tests.capture.test_sink_contract import batch, records
from tests.flows.conftest import stores as stores
from tests.flows.stores import Stores

SAID = "organic milk for zebulon, call 514-555-0199 or anna@example.com 2%"
TOLD = "organic milk for [word] call [phone] or [email] 2%"
calls: list[list[str]] = []


@pytest.fixture
def catalogue(no_secret_words: None, settings: Settings) -> None:
    """A shop that sells organic milk, and vouches for its words."""
    settings.QUERY_WORDS = "leafloaf.storefront.query_words.vouched"
    for number in range(3):
        Product.objects.create(sku=f"sku-{number}", name=f"Organic milk {number}")


def counting(words: Collection[str]) -> Collection[str]:
    calls.append(sorted(words))
    return words


@pytest.fixture
def counted(no_secret_words: None, settings: Settings) -> Iterator[list[list[str]]]:
    """What was asked of who vouches for words."""
    settings.QUERY_WORDS = f"{__name__}.counting"
    calls.clear()
    yield calls
    calls.clear()


def searched(query: str, number: int = 0, **fields: Any) -> Record:
    (template,) = records(1)
    content = encoder.encode({"query": query, **fields}).decode()
    return Record(
        f"e-{number}", "search", template.received_at, template.occurred_at, "u-1", None, content, 1
    )


def test_analytics_gets_words_that_are_nobody_s_secret_and_the_log_what_was_typed(
    stores: Stores, catalogue: None, secret: Api
) -> None:
    said = search(query=SAID, user_id="ann", search_id="s-1", suppliers=["Ferme"], intent="product_search")
    assert secret.send(said)["accepted"] == 1
    call_command("drain", all=True, verbosity=0)
    (line,) = [line for found in stores.objects() for line in found.download_as_bytes().splitlines()]
    assert json.loads(line)["query"] == TOLD
    dataset = f"{configured.BIGQUERY_PROJECT}.{configured.BIGQUERY_DATASET}"
    asked = (
        f"SELECT query FROM `{dataset}.{schema.TABLES['search']}` WHERE timestamp > TIMESTAMP '2000-01-01'"
    )
    assert [row.query for row in stores.bigquery.query_and_wait(asked)] == [TOLD]
    (key,) = stores.redis.scan_iter(f"{configured.REDIS_PREFIX}supplier:*:queries:*")
    assert stores.redis.zrange(key, 0, -1) == [TOLD]
    # What is the person's own is as they wrote it.
    assert Event.objects.get().payload["query"] == SAID
    assert stores.redis.hget(f"{configured.REDIS_PREFIX}search:s-1", "query") == SAID


def test_a_word_is_told_once_enough_shoppers_used_it(
    log: None, catalogue: None, secret: Api, settings: Settings
) -> None:
    settings.SEARCH_ANALYTICS_K = 3
    for user in ("ann", "bob"):
        secret.send(*[search(query="Zyzzyva chips", user_id=user) for _ in range(5)])
    analytics.count()
    assert anonymised.told("zyzzyva") == "[word]"
    secret.send(search(query="zyzzyva chips", user_id="cid"))
    analytics.count()
    assert anonymised.told("zyzzyva") == "[word]"  # it is remembered for a minute
    anonymised.forget()
    assert anonymised.told("Zyzzyva") == "zyzzyva"
    settings.SEARCH_ANALYTICS_K = 4
    anonymised.forget()
    assert anonymised.told("zyzzyva") == "[word]"


def test_a_catalogue_without_a_word_of_it_tells_nothing(db: None, catalogue: None) -> None:
    assert anonymised.told("zebulon quux") == "[word]"
    assert anonymised.told("") == ""


def test_without_the_setting_nobody_vouches(no_secret_words: None, settings: Settings) -> None:
    settings.QUERY_WORDS = ""
    assert anonymised.told("organic milk 2%") == "[word] 2%"


def test_a_batch_asks_once_for_all_its_words_and_the_next_for_what_is_new(
    counted: list[list[str]], settings: Settings
) -> None:
    sink = MemorySink()
    sink.deliver(batch([searched(f"oat milk {number % 7}x", number) for number in range(100)]))
    assert len(counted) == 1
    sink.deliver(batch([searched("oat milk"), *records(5)[1:]]))
    assert len(counted) == 1
    sink.deliver(batch([searched("rye bread"), searched("oat bread")]))
    assert counted[1:] == [["bread", "rye"]]


@given(st.text(st.sampled_from("abcéÀœŁ '’-  ") | st.characters(max_codepoint=0x17F), max_size=60))
@example("saint-jean d’été rue de l'huile")
@example("order no abc apt x")
def test_plain_words_are_told_as_any_query_is(query: str) -> None:
    """The short way for words alone leads to the same text."""
    told = Memory(math.inf)
    words = anonymised._words(query)
    told.words |= {word: len(word) % 2 == 0 for word in {*words, *anonymised._split(query), ""}}
    if anonymised.PLAIN.fullmatch(query):
        assert anonymised._plain(words, told) == anonymised._anonymised(query, told)


def test_answers_are_remembered_for_a_while_only(
    counted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capture.anonymised.KEPT_SECONDS", -1.0)
    for _ in range(2):
        anonymised.told("milk")
    assert len(counted) == 2


def test_memory_has_a_limit(counted: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.anonymised.MOST", 10)
    for number in range(50):
        anonymised.told(f"milk {number}y")
        assert len(anonymised._memory.words) <= 12
    assert anonymised.told("milk 1y") == "milk 1y"


def test_a_batch_that_is_sent_again_may_be_told_in_other_words(
    stack: ThrowawayStack, no_secret_words: None, settings: Settings
) -> None:
    """What vouches for words changed between two attempts: neither a conflict nor a loss."""
    store = opening.opened("cloud_storage", stack)
    sent = batch([searched("milk for zebulon", 1), *records(4)[1:]])
    store.sink.deliver(sent)
    settings.QUERY_WORDS = ""
    anonymised.forget()
    again = replace(sent, records=[structs.replace(one) for one in sent.records], is_repeated=True)
    assert again.records[0].told == "[word]"
    store.sink.deliver(again)
    assert set(store.held(sent).values()) == {1}
    store.clean()


# Free JSON


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("write to anna@example.com!", "write to [email]"),
        ("mail=anna.b+shop@example.co.uk;x", "mail=[email];x"),
        ("514-555-0199", "[phone]"),
        ("(514) 555-0199 ext", "[phone] ext"),
        ("+1 514 555 0199, ring twice", "[phone], ring twice"),
        ("+33 6 12 34 56 78", "[phone]"),
        ("06 12 34 56 78", "[phone]"),
        ("5145550199", "[phone]"),
        ("4111 1111 1111 1111", "[card]"),
        ("card 4111-1111-1111-1111.", "card [card]."),
        ("card-4111111111111111", "card-[card]"),
        ("2026-11-21 5145550199", "2026-11-21 [phone]"),
        ("2026-11-21: (514) 555-0199", "2026-11-21: [phone]"),
    ],
)
def test_what_has_the_shape_of_somebody_s_address_or_number_becomes_a_mark(said: str, told: str) -> None:
    assert shapes.scrubbed(said) == told


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-21",
        "2026-11-21T12:30:00Z",
        "2026-11-21 12:30:00",
        "1700000000",
        "1700000000123",
        "0197f3a2-7b1c-7e4d-9a55-123456789012",
        "SKU-000123456789",
        "064200116473",  # UPC
        "4006381333931",  # EAN
        "4111 1111 1111 1112",  # no check digit
        "10% off at 5.99",
        "2@5",
        "@home",
        "summer-2026-sale",
        "Oatly 12 x 330 ml",
        "45.5017,-73.5673",
        "été à Montréal",
    ],
)
def test_codes_dates_and_identifiers_survive(said: str) -> None:
    assert shapes.scrubbed(said) == said


@pytest.mark.parametrize(
    ("event", "column"),
    [
        (search, "filters"),
        (interaction, "context"),
        (order, "discounts"),
        (order, "delivery"),
        *[(make, "metadata") for make in (search, interaction, cart, order)],
    ],
)
def test_free_json_of_every_column_is_told_without_addresses_and_numbers(event: Any, column: str) -> None:
    said = {"to": ["Rue X", {"anna@example.com": "ring (514) 555-0199"}], "card": 4111111111111111, "n": 1.50}
    fields = event(**{column: said})
    kind = fields.pop("event_type")
    (template,) = records(1)
    content = encoder.encode(fields).decode()
    record = Record("e", kind, template.received_at, template.occurred_at, None, None, content, 1)
    assert record.payload[column] == said
    told = json.loads(encoder.encode(record.document("b")[column]))
    assert told == {"to": ["Rue X", {"[email]": "ring [phone]"}], "card": "[card]", "n": 1.5}


def test_every_column_of_free_json_is_scrubbed_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    made = schema.Column("anything_new", "JSON", "NULLABLE", "Came later")
    monkeypatch.setattr(schema, "own_columns", lambda event_type: (made,))
    (template,) = records(1)
    content = '{"anything_new": {"by": "anna@example.com"}}'
    record = Record("e", "cart", template.received_at, template.occurred_at, None, None, content, 1)
    assert record.document("b")["anything_new"] == {"by": "[email]"}


def test_escapes_and_depth_are_no_way_around() -> None:
    assert json.loads(shapes.without(r'{"a": "\u0061nna\u0040example.com", "b\"": "x"}')) == {
        "a": "[email]",
        'b"': "x",
    }
    deep = '{"a":' * 700 + '"anna@example.com"' + "}" * 700
    assert '"[email]"' in shapes.without(deep)
    assert shapes.without('"' + "5 " * 2000 + '"') == '"' + "5 " * 2000 + '"'


def test_every_table_says_whose_a_row_is_so_that_new_columns_go_with_it(wider: None) -> None:
    """Rows and lines are erased whole, by these two; a field added to the vocabulary needs nothing more."""
    for event_type in schema.TABLES:
        names = [column.name for column in schema.columns(event_type)]
        assert {"user_id", "session_id"} <= set(names)
    assert "gift_note" in [column.name for column in schema.columns("cart")]


def test_the_sinks_of_the_settings_are_those_that_were_looked_at(settings: Settings) -> None:
    """Redis keeps what is the person's own; whoever adds a sink decides what it may be told."""
    assert set(settings.SINKS) == {"redis", "cloud_storage", "bigquery"}
    assert sinks.get("bigquery")
