"""Rules of staff over what a search finds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from leafloaf.catalog import merchandising, version
from leafloaf.catalog.merchandising import Lift, Pin, Placed, lift, pin
from leafloaf.catalog.models import Brand, Category, MerchandisingRule, Placement, Product
from leafloaf.catalog.search import Facet, Filters, Page, Sort, search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def words_alone(settings: Settings) -> None:
    settings.SEARCH_ALPHA = 0.0


@pytest.fixture
def shop(make_product: MakeProduct) -> None:
    """Six milks, the best match first, and two things that are none."""
    for number in range(1, 7):
        make_product(
            f"Milk {'fresh ' * (number - 1)}{number}",
            sku=f"m{number}",
            brand="Nord" if number % 2 else "Sud",
            category="Dairy > Milk" if number < 5 else "Dairy > Cream",
            price=f"{number}.00",
        )
    make_product("Oat Drink", sku="oat", brand="Avoine", category="Drinks", dietary=["vegan"], price="4.00")
    make_product("Country Bread", sku="bread", brand="Fournil", category="Bakery")


def rule(
    action: str = "pin", *, pins: dict[str, int] | None = None, about: str = "", **fields: Any
) -> MerchandisingRule:
    """A rule for the query "milk" unless it says otherwise; `pins` by SKU, `about` SKUs without a position."""
    if not fields.keys() & {"query", "within"}:
        fields["query"] = "milk"
    made = MerchandisingRule.objects.create(
        name=fields.pop("name", f"{action} {MerchandisingRule.objects.count()}"), action=action, **fields
    )
    places = dict(pins or {}) | dict.fromkeys(about.split(), None)
    for sku, position in places.items():
        Placement.objects.create(rule=made, product=Product.objects.get(sku=sku), position=position)
    return made


def skus(page: Page) -> list[str]:
    return [hit.sku for hit in page.results]


def category(path: str) -> Category:
    return Category.objects.get(path=path)


PLAIN = ["m1", "m2", "m3", "m4", "m5", "m6"]


@pytest.mark.usefixtures("shop")
def test_without_a_rule_nothing_changes() -> None:
    assert skus(search("milk")) == PLAIN
    assert all(hit.rules == () for hit in search("milk").results)


@pytest.mark.usefixtures("shop")
def test_a_pin_puts_a_product_in_its_position_whether_the_words_find_it_or_not() -> None:
    rule(pins={"m5": 1, "oat": 3}, name="Autumn")
    page = search("milk")
    assert skus(page) == ["m5", "m1", "oat", "m2", "m3", "m4", "m6"]
    assert [hit.sku for hit in page.results if hit.is_pinned] == ["m5", "oat"]
    assert [hit.sku for hit in page.results if hit.rules == ("Autumn",)] == ["m5", "oat"]
    assert [hit.position for hit in page.results] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.usefixtures("shop")
def test_the_total_and_the_facets_count_what_a_pin_adds() -> None:
    before = search("milk")
    rule(pins={"m5": 1, "oat": 3})
    page = search("milk")
    assert (before.total, page.total) == (6, 7)
    assert page.facets["category"] == [Facet("Dairy", 6), Facet("Drinks", 1)]
    assert page.facets["brand"] == [Facet("Nord", 3), Facet("Sud", 3), Facet("Avoine", 1)]
    assert page.facets["dietary"] == [Facet("vegan", 1)]


@pytest.mark.usefixtures("shop")
def test_a_pin_stands_alone_where_the_words_find_nothing() -> None:
    rule(pins={"oat": 9}, query="zzyzx")
    page = search("zzyzx")
    assert skus(page) == ["oat"]
    assert page.total == 1


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "filters",
    [
        Filters(brand="Nord"),
        Filters(category="Dairy"),
        Filters(dietary="kosher"),
        Filters(price_max=3),
        Filters(in_stock=False),
    ],
)
def test_a_pin_never_goes_against_the_filters(filters: Filters) -> None:
    before = skus(search("milk", filters=filters))
    rule(pins={"oat": 1})
    page = search("milk", filters=filters)
    assert skus(page) == before
    assert page.total == len(before)


@pytest.mark.usefixtures("shop")
def test_a_pin_that_is_out_of_stock_is_left_out() -> None:
    product = Product.objects.get(sku="oat")
    product.offer.in_stock = False
    product.offer.save()
    rule(pins={"oat": 1, "m4": 2})
    assert skus(search("milk")) == ["m1", "m4", "m2", "m3", "m5", "m6"]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("sort", [Sort.PRICE_ASC, Sort.PRICE_DESC, Sort.NAME])
def test_a_shopper_who_sorts_has_the_last_word(sort: Sort) -> None:
    before = skus(search("milk", sort=sort))
    rule(pins={"oat": 1})
    rule("boost", brand=Brand.objects.get(name="Sud"), factor=10)
    assert skus(search("milk", sort=sort)) == before


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_product_stands_on_one_page_only(size: int) -> None:
    rule(pins={"m5": 1, "oat": 4, "m1": 7})
    rule("boost", brand=Brand.objects.get(name="Sud"), factor=3)
    rule("bury", about="m2", factor=0)
    whole = search("milk", limit=100)
    pages = [search("milk", limit=size, offset=offset) for offset in range(0, 8, size)]
    assert [sku for page in pages for sku in skus(page)] == skus(whole)
    assert len(set(skus(whole))) == whole.total == 7
    assert {page.total for page in pages} == {7}


@pytest.mark.usefixtures("shop")
def test_a_boost_lifts_a_brand_a_category_or_products_and_keeps_their_own_order() -> None:
    made = rule("boost", brand=Brand.objects.get(name="Sud"), factor=10, name="House brand")
    page = search("milk")
    assert skus(page) == ["m2", "m4", "m6", "m1", "m3", "m5"]
    assert page.results[0].rules == ("House brand",)
    assert page.results[3].rules == ()
    made.delete()
    made = rule("boost", category=category("Dairy > Cream"), factor=10)
    assert skus(search("milk"))[:2] == ["m5", "m6"]
    made.delete()
    rule("boost", about="m6 m3", factor=10)
    assert skus(search("milk"))[:2] == ["m3", "m6"]


@pytest.mark.usefixtures("shop")
def test_a_category_is_lifted_with_those_below_it(make_product: MakeProduct) -> None:
    make_product("Milk frother pan thing", sku="pan", category="Dairy products")
    rule("boost", category=category("Dairy"), factor=10)
    touched = {hit.sku for hit in search("milk").results if hit.rules}
    assert touched == set(PLAIN)


@pytest.mark.usefixtures("shop")
def test_a_boost_adds_nothing_and_lifts_nothing_that_is_out_of_stock() -> None:
    product = Product.objects.get(sku="m6")
    product.offer.in_stock = False
    product.offer.save()
    rule("boost", about="m6 bread", factor=10)
    assert skus(search("milk")) == PLAIN


@pytest.mark.usefixtures("shop")
def test_a_bury_sinks_products_to_the_end_and_takes_none_away() -> None:
    rule("bury", about="m1 m2", factor=0)
    page = search("milk")
    assert skus(page) == ["m3", "m4", "m5", "m6", "m1", "m2"]
    assert page.total == 6


@pytest.mark.usefixtures("shop")
def test_factors_multiply_and_a_pin_wins_over_both() -> None:
    rule("boost", about="m6", factor=4, name="up")
    rule("bury", about="m6", factor=0.25, name="down")
    assert skus(search("milk")) == PLAIN
    rule(pins={"m6": 2}, name="place")
    hit = search("milk").results[1]
    assert (hit.sku, hit.rules) == ("m6", ("place", "up", "down"))


@pytest.mark.usefixtures("shop")
def test_of_two_rules_for_one_position_the_lower_priority_number_then_the_older_has_it() -> None:
    rule(pins={"m4": 1}, name="older")
    rule(pins={"m5": 1}, name="newer")
    assert skus(search("milk"))[:3] == ["m4", "m5", "m1"]
    rule(pins={"m6": 1}, name="first", priority=1)
    assert skus(search("milk"))[:4] == ["m6", "m4", "m5", "m1"]
    rule(pins={"m6": 2}, name="too late")
    assert search("milk").results[0].rules == ("first",)


@pytest.mark.usefixtures("shop")
def test_explain_is_given_for_a_product_that_only_a_pin_shows() -> None:
    rule(pins={"oat": 1})
    hit = search("milk", explain=True).results[0]
    assert hit.explanation is not None
    assert hit.explanation.parts == ()
    assert hit.score == 0


@pytest.mark.usefixtures("shop")
def test_scores_show_what_a_factor_did() -> None:
    rule("boost", about="m6", factor=10)
    scores = [hit.score for hit in search("milk").results]
    assert scores[0] == 1.0
    assert scores == sorted(scores, reverse=True)


# Which rules a search meets


@pytest.mark.parametrize("query", ["crème fraîche", "Creme  Fraiche!", "CRÈME-FRAÎCHE"])
def test_a_query_is_compared_without_capitals_accents_and_punctuation(query: str) -> None:
    rule(query="Crème Fraîche")
    assert names_met(query) == ["pin 0"]
    assert names_met(query + " bio") == []


@pytest.mark.parametrize(
    ("query", "is_met"),
    [
        ("milk oat", True),
        ("oat milk 500g", True),
        ("500 G of oat MILK", True),
        ("oat", False),
        ("oatmilk", False),
    ],
)
def test_a_rule_for_words_holds_where_all_of_them_are_said(query: str, is_met: bool) -> None:
    rule(query="oat milk", match="words")
    assert names_met(query) == (["pin 0"] if is_met else [])


def test_a_rule_holds_for_what_was_typed_or_for_what_was_understood() -> None:
    rule(query="organic milk")
    assert merchandising.met("milk", Filters(), typed="Organic milk") != []
    assert merchandising.met("organic milk", Filters(), typed="show me organic milk") != []
    assert merchandising.met("milk", Filters()) == []


def test_a_query_without_a_word_meets_no_rule() -> None:
    MerchandisingRule.objects.create(name="broken", action="pin", query="?!", match="words")
    assert names_met("milk") == []
    assert names_met("") == names_met("?!") == names_met("\0") == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("asked", "is_met"),
    [
        ("Dairy", True),
        ("dairy > MILK", True),
        ("Milk", True),
        (["Bakery", "Milk"], True),
        ("Bakery", False),
        ("Milk > Dairy", False),
        ((), False),
    ],
)
def test_a_category_rule_holds_for_the_category_and_those_below(asked: Any, is_met: bool) -> None:
    rule(within=category("Dairy"))
    assert bool(merchandising.met("", Filters(category=asked))) == is_met


@pytest.mark.usefixtures("shop")
def test_a_rule_for_a_lower_category_does_not_hold_above_it() -> None:
    rule(within=category("Dairy > Milk"))
    assert merchandising.met("", Filters(category="Dairy")) == []


@pytest.mark.usefixtures("shop")
def test_with_query_and_category_both_must_hold() -> None:
    rule(query="fresh", within=category("Dairy"))
    assert merchandising.met("fresh", Filters(category="Dairy")) != []
    assert merchandising.met("fresh", Filters()) == []
    assert merchandising.met("", Filters(category="Dairy")) == []


def test_a_rule_holds_from_its_start_until_before_its_end() -> None:
    rule(starts_at=NOW, ends_at=NOW + timedelta(hours=1))
    second = timedelta(seconds=1)
    met = [
        bool(merchandising.met("milk", Filters(), at=NOW + after))
        for after in (-second, 0 * second, 3599 * second, 3600 * second)
    ]
    assert met == [False, True, True, False]
    assert names_met("milk") == []


def test_a_rule_that_is_switched_off_holds_never() -> None:
    rule(is_active=False)
    assert names_met("milk") == []


def names_met(query: str) -> list[str]:
    return [met.name for met in merchandising.met(query, Filters())]


# Browsing


@pytest.mark.usefixtures("shop")
def test_a_category_that_is_browsed_has_its_pins_boosts_and_buries() -> None:
    dairy = Filters(category="Dairy")
    rule(within=category("Dairy"), pins={"m5": 1, "oat": 2})
    rule("boost", within=category("Dairy"), brand=Brand.objects.get(name="Sud"), factor=2)
    rule("bury", within=category("Dairy"), about="m2", factor=0)
    page = search(filters=dairy)
    assert sorted(skus(page)) == PLAIN  # oat is in no dairy
    assert skus(page)[0] == "m5"
    assert set(skus(page)[1:3]) == {"m4", "m6"}
    assert skus(page)[-1] == "m2"
    assert page.total == 6


@pytest.mark.usefixtures("shop")
def test_a_category_rule_adds_nothing_to_a_search_by_words_but_puts_in_place_what_they_find() -> None:
    rule(within=category("Dairy"), pins={"m6": 1, "m4": 2})
    page = search("m6 4", filters=Filters(category="Dairy"))
    assert "m4" in skus(page)
    assert "m6" in skus(search("milk fresh 6", filters=Filters(category="Dairy")))[:1]
    bread = Product.objects.get(sku="bread")
    bread.category = category("Dairy")
    bread.save()
    assert skus(search("bread", filters=Filters(category="Dairy"))) == ["bread"]


# Meaning


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_rules_hold_whatever_the_weight_of_meaning_is(alpha: float) -> None:
    rule(pins={"bread": 1})
    rule("bury", about="m1", factor=0)
    page = search("milk", alpha=alpha)
    assert skus(page)[0] == "bread"
    assert "m1" not in skus(page)[:2]
    assert len(set(skus(page))) == page.total


# What may be saved


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"query": ""}, "__all__", "for a query, in a category, or both"),
        ({"query": "?!"}, "query", "no word"),
        ({"starts_at": NOW, "ends_at": NOW}, "ends_at", "after the start"),
        ({"factor": 2.0}, "factor", "has no factor"),
        ({"action": "boost"}, "factor", "from 1 to 10"),
        ({"action": "boost", "factor": 0.5}, "factor", "from 1 to 10"),
        ({"action": "boost", "factor": 11.0}, "factor", "from 1 to 10"),
        ({"action": "bury", "factor": 2.0}, "factor", "from 0 to 1"),
        ({"action": "bury", "factor": float("nan")}, "factor", "from 0 to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(fields: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MerchandisingRule(**({"name": "x", "action": "pin", "query": "milk"} | fields)).full_clean()
    assert said in " ".join(refused.value.message_dict[field])


@pytest.mark.parametrize(
    "fields",
    [
        {"query": ""},
        {"starts_at": NOW, "ends_at": NOW},
        {"factor": 1.0},
        {"action": "boost"},
        {"action": "bury", "factor": 1.5},
        {"action": "other"},
    ],
)
def test_the_database_refuses_it_too(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        MerchandisingRule.objects.create(**({"name": "x", "action": "pin", "query": "milk"} | fields))


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("position", [0, 51])
def test_a_position_is_from_1_to_50(position: int) -> None:
    made = rule()
    placement = Placement(rule=made, product=Product.objects.get(sku="m1"), position=position)
    with pytest.raises(ValidationError, match="from 1 to 50"):
        placement.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        placement.save()


@pytest.mark.usefixtures("shop")
def test_every_change_of_a_rule_is_another_version_of_the_catalogue() -> None:
    seen = [version.current()]
    made = rule()
    seen.append(version.current())
    placement = Placement.objects.create(rule=made, product=Product.objects.get(sku="m1"), position=1)
    seen.append(version.current())
    MerchandisingRule.objects.update(priority=3)
    seen.append(version.current())
    placement.delete()
    seen.append(version.current())
    made.delete()
    seen.append(version.current())
    assert len(set(seen)) == 6


# The arithmetic

IDS = st.lists(st.integers(1, 30), unique=True)
PINS = st.lists(st.builds(Pin, st.just("r"), st.integers(1, 40), st.integers(1, 50)), max_size=10)
LIFTS = st.lists(
    st.builds(Lift, st.just("r"), st.floats(0, 10), st.frozensets(st.integers(1, 30))), max_size=4
)


def in_order(ids: list[int]) -> Placed:
    return Placed(ids, {pk: (len(ids) - place) / len(ids) for place, pk in enumerate(ids)})


@given(ids=IDS, lifts=LIFTS)
def test_lifting_neither_adds_nor_loses_and_keeps_the_order_of_the_rest(
    ids: list[int], lifts: list[Lift]
) -> None:
    after = lift(in_order(ids), lifts)
    touched = {pk for each in lifts for pk in each.products}
    assert sorted(after.ids) == sorted(ids)
    assert [pk for pk in after.ids if pk not in touched] == [pk for pk in ids if pk not in touched]


@given(ids=IDS, pins=PINS)
def test_pinning_shows_each_once_as_far_up_as_asked_and_keeps_the_order_of_the_rest(
    ids: list[int], pins: list[Pin]
) -> None:
    after = pin(in_order(ids), pins)
    pinned = {each.product for each in pins}
    assert len(after.ids) == len(set(after.ids))
    assert set(after.ids) == set(ids) | pinned
    assert [pk for pk in after.ids if pk not in pinned] == [pk for pk in ids if pk not in pinned]
    assert all(pk in after.scores for pk in after.ids)
    if pins and pins[0].position <= len(after.ids):
        place = after.ids.index(pins[0].product) + 1
        assert place == pins[0].position or (len(pinned) > 1 and place <= pins[0].position)
