"""`leafloaf.js` asks and tells, from a page of another origin, under a strict policy, with the real API behind it."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from tests.browser.fronts import FLUSH, Front, add, queued, rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]
DOCS = Path(django_settings.BASE_DIR) / "docs" / "javascript-client.md"


def test_a_shopper_searches_clicks_and_fills_the_cart(front: Front) -> None:
    page = front.open()
    answer = page.evaluate("leafloaf.search('milk')")
    page.evaluate(
        """async (search_id) => {
            leafloaf.clicked("MILK_1", { search_id, position: 1 });
            leafloaf.added("MILK_1", 2, { search_id, position: 1, price: 5.99 });
            await leafloaf.flush();
        }""",
        answer["search_id"],
    )
    search, click, cart = rows()
    assert (search.event_type, search.event_id) == ("search", answer["search_id"])
    assert click.payload == {
        "interaction_type": "product_click",
        "product_id": "MILK_1",
        "search_id": answer["search_id"],
        "position": 1,
        "channel": "web",
    }
    assert (cart.payload["action"], cart.payload["quantity"], cart.payload["price"]) == ("add", 2, 5.99)
    assert {row.session_id for row in (search, click, cart)} == {page.evaluate("leafloaf.session()")}
    assert {row.subject_id for row in (search, click, cart)} == {None}
    assert queued(page) == []
    assert front.context.cookies() == []


def test_each_of_the_five_types_is_one_call(front: Front) -> None:
    page = front.open()
    page.evaluate(
        """async () => {
            leafloaf.searched("milk", { results_count: 3 });
            leafloaf.viewed("A"); leafloaf.clicked("A", { position: 2 }); leafloaf.listed("A"); leafloaf.rated("A", 4);
            leafloaf.added("A"); leafloaf.updated("A", 3); leafloaf.removed("A", 3);
            leafloaf.ordered("order-1", [{ product_id: "A", quantity: 1, price: 2.5 }], 2.5, { currency: "CAD" });
            leafloaf.shown("home", ["A", "B"], { positions: [1, 2], search_id: "s-1" });
            await leafloaf.flush();
        }"""
    )
    assert page.evaluate("rejected") == []
    said = [
        row.payload.get("interaction_type") or row.payload.get("action") or row.event_type for row in rows()
    ]
    kinds = {"product_view", "product_click", "add_to_list", "rating"} | {"add", "update", "remove"}
    assert len(said) == 10
    assert set(said) == kinds | {"search", "order", "recommendation_impression"}


def test_a_search_says_what_is_wrong_with_it(front: Front) -> None:
    page = front.open()
    error = page.evaluate(
        """leafloaf.search({ query: "milk", alpha: 7 }).catch((error) =>
            ({ ...error, is: error instanceof Error, message: error.message }))"""
    )
    assert (error["name"], error["status"], error["is"]) == ("LeafLoafError", 422, True)
    assert error["problem"]["errors"][0]["pointer"] == "/alpha"
    assert error["message"] == error["problem"]["detail"]


def test_suggestions(front: Front) -> None:
    assert front.open().evaluate("leafloaf.suggest('mi & lk')")["query"] == "mi & lk"


def test_a_release_runs_only_with_its_hash_and_also_on_an_isolated_page(front: Front) -> None:
    [tag] = re.findall(r"<script [^>]*integrity=.*", DOCS.read_text())
    tag = tag.replace("https://leafloaf.shop.example", "{leafloaf}")
    front.shop.headers |= {
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    front.shop.pages |= {"/right": tag, "/wrong": tag.replace("sha384-", "sha384-A")}
    page = front.context.new_page()
    page.goto(f"{front.shop.origin}/right")
    assert page.evaluate("[crossOriginIsolated, typeof leafloaf.search]") == [True, "function"]
    page.goto(f"{front.shop.origin}/wrong")
    assert page.evaluate("typeof leafloaf") == "undefined"


def test_a_strict_page_complains_of_nothing(front: Front) -> None:
    said: list[str] = []
    front.context.on("console", lambda message: said.append(message.text))
    front.context.on("weberror", lambda error: said.append(str(error.error)))
    page = front.open()
    page.evaluate("leafloaf.search('milk')")
    add(page, "SKU_1", FLUSH)
    assert said == []


def test_an_element_of_the_same_name_is_not_taken_for_it(front: Front) -> None:
    front.shop.pages["/named"] = (
        '<!doctype html><p id="leafloaf"></p><script src="{leafloaf}/leafloaf.js"></script>'
    )
    page = front.context.new_page()
    page.goto(f"{front.shop.origin}/named")
    assert page.evaluate("typeof leafloaf.search") == "function"


def test_as_a_module(front: Front) -> None:
    front.shop.pages |= {
        "/module": '<!doctype html><script type="module" src="/module.js"></script>',
        "/module.js": 'import leafloaf from "{leafloaf}/leafloaf.mjs"; window.got = leafloaf;'
        'leafloaf.configure({ address: "{leafloaf}", consent: true });',
    }
    page = front.context.new_page()
    page.goto(f"{front.shop.origin}/module")
    page.evaluate(
        f"async () => {{ got.configure({{ key: '{front.key}' }}); got.added('SKU_1'); await got.flush(); }}"
    )
    assert len(rows()) == 1
