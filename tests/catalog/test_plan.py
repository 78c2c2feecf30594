"""What a query is looked for by, over a real catalogue's words in Postgres."""

from collections.abc import Callable

import pytest

from leafloaf.catalog import indexing, plan
from leafloaf.catalog.models import Product, Synonym
from leafloaf.catalog.search import search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(make_product: MakeProduct) -> None:
    make_product("Whole Milk 3.25%", size="1 gal")
    make_product("Lactose Free Milk", size="2 L")
    make_product("Oat Drink Barista", brand="Oatly")
    make_product("Vanilla Ice Cream", brand="Ben & Jerry's")
    make_product("Chocolate Bar")
    make_product("Organic Bananas")
    make_product("Courgettes")
    make_product("Orange Juice")
    make_product("Navel Oranges")
    indexing.refresh()


def found(query: str) -> str:
    return search(query).results[0].name


def terms(query: str) -> list[set[str]]:
    return [{term.term for term in group.terms if not term.is_head} for group in plan.make(query).groups]


@pytest.mark.parametrize(
    ("query", "name", "corrected"),
    [
        ("mlik", "Whole Milk 3.25%", "milk"),
        ("organc baristta", "Oat Drink Barista", "organic barista"),
        ("vanila icecream", "Vanilla Ice Cream", "vanilla icecream"),
        ("courgetes", "Courgettes", "courgettes"),
        ("chocolat bar", "Chocolate Bar", None),  # the stem is the same
        ("zuchini", "Courgettes", "zucchini"),  # no product says zucchini, a synonym does
    ],
)
def test_a_misspelt_query_finds_what_was_meant_and_says_so(
    query: str, name: str, corrected: str | None
) -> None:
    page = search(query)
    assert page.results[0].name == name
    assert page.corrected_query == corrected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("lait sans lactose", "Lactose Free Milk"),
        ("zucchini", "Courgettes"),
        ("jus d'orange", "Orange Juice"),
        ("ice-cream", "Vanilla Ice Cream"),
        ("oatly barista", "Oat Drink Barista"),
        ("ben and jerrys", "Vanilla Ice Cream"),
        ("milk 1 gallon", "Whole Milk 3.25%"),
        ("1gal milk", "Whole Milk 3.25%"),
    ],
)
def test_the_same_thing_is_found_by_other_words(query: str, name: str) -> None:
    assert found(query) == name


def test_two_words_written_as_one_are_taken_apart(make_product: MakeProduct) -> None:
    for n in range(3):
        make_product(f"Garlic bread {n}")
    page = search("garlicbread")
    assert page.total == 3
    assert page.corrected_query == "garlic bread"


def test_a_phrase_and_its_synonym_lie_side_by_side() -> None:
    assert terms("jus d'orange") == [{"jus", "juic"}, {"orang"}]
    assert terms("lait sans lactose") == [{"lait", "milk"}, {"san", "free"}, {"lactos"}]


def test_a_synonym_that_no_product_has_is_left_out() -> None:
    Synonym.objects.create(term="milk", replacements=["unobtainium drink"])
    assert terms("milk") == [{"milk"}]


def test_a_one_way_synonym_does_not_lead_back() -> None:
    Synonym.objects.create(term="brunch fruit", replacements=["bananas"], is_one_way=True)
    assert found("brunch fruit") == "Organic Bananas"
    assert terms("bananas") == [{"banana"}]


def test_a_two_way_synonym_leads_back() -> None:
    Synonym.objects.create(term="berry", replacements=["bananas"], is_one_way=False)
    Product.objects.create(sku="b", name="Goose berry")
    assert terms("bananas") == [{"banana", "berri"}]


def test_a_synonym_that_is_switched_off_finds_nothing() -> None:
    Synonym.objects.filter(replacements__contains=["milk"]).update(is_active=False)
    Synonym.objects.filter(term="milk").update(is_active=False)
    assert terms("lait") == [{"lait"}]


def test_quantities_weigh_little_and_the_head_is_the_thing() -> None:
    groups = {group.label: group for group in plan.make("2% milk 1 gal for coffee").groups}
    assert groups["milk"].weight == 1.0
    assert {groups[word].weight for word in ("2pct", "1", "gal")} == {0.35}
    assert [label for label, group in groups.items() if any(term.is_head for term in group.terms)] == ["milk"]


def test_a_whole_brand_is_known_and_no_brand_inside_it() -> None:
    Product.objects.create(sku="j", name="Jam", brand_id=None)
    assert [term.term for term in plan.make("ben jerrys vanilla").brands] == ["@ben jerrys"]


def test_a_long_text_of_unknown_words_is_cut() -> None:
    planned = plan.make(" ".join(f"zq{n}xv" for n in range(60)))
    assert len(planned.groups) <= plan.MOST_WORDS


def test_a_misspelt_word_is_read_with_those_beside_it(make_product: MakeProduct) -> None:
    """By itself it is likelier to be another word, and the phrase alone has a synonym."""
    make_product("Circuit Board")
    make_product("Circuit Tester")
    Synonym.objects.create(term="breakfast circles", replacements=["chocolate bar"])
    page = search("breakfast circlet")
    assert page.results[0].name == "Chocolate Bar"
    assert page.corrected_query == "breakfast circles"


def test_a_word_that_some_product_has_is_never_read_as_another(make_product: MakeProduct) -> None:
    make_product("Trall Mix")
    Synonym.objects.create(term="trail mix", replacements=["chocolate bar"])
    assert found("trall mix") == "Trall Mix"


def test_what_a_thing_is_for_says_less_than_what_it_is(make_product: MakeProduct) -> None:
    for n in range(5):
        make_product(f"Sponge {n}")
    make_product("Kids Shampoo")
    indexing.refresh()
    assert found("sponges for kids").startswith("Sponge")
    assert found("something for kids") == "Kids Shampoo"


@pytest.mark.parametrize("query", ["candy", "the candy", "candies for kids", "2 candy", "candi"])
def test_a_shelf_that_is_called_what_is_asked_for_comes_first(make_product: MakeProduct, query: str) -> None:
    make_product("Cough Candy", category="Pharmacy > Throat")
    make_product("Fizzy Sour Cola Bottle Candy", category="Snacks > Chocolate & Candy")
    assert found(query) == "Fizzy Sour Cola Bottle Candy"


def test_a_shelf_is_not_meant_by_a_word_beside_others(make_product: MakeProduct) -> None:
    make_product("Vanilla Wafers", category="Snacks > Wafers")
    assert plan.make("wafers").shelves
    assert not plan.make("vanilla wafers").shelves


def test_the_shelves_below_are_meant_too(make_product: MakeProduct) -> None:
    make_product("Oreo", category="Snacks > Cookies > Filled")
    assert len(plan.make("snack").shelves) == 3
    assert len(plan.make("cookies").shelves) == 2


def test_the_words_of_a_synonym_go_beside_those_that_mean_the_same(make_product: MakeProduct) -> None:
    make_product("Lait au chocolat", category="Dairy > Milk")
    make_product("Boisson d'avoine")
    make_product("Vin rouge")
    make_product("Red Wine")
    assert terms("lait d'avoine") == [{"lait", "milk", "drink", "boisson"}, {"avoin", "oat"}]
    assert terms("oat milk") == [{"oat", "avoin"}, {"milk", "lait", "drink", "boisson"}]
    assert terms("red wine") == [{"red", "roug"}, {"wine", "vin"}]  # though wine does not find vin by itself
    assert "Lait au chocolat" not in [hit.name for hit in search("lait d'avoine").results[:2]]


def test_a_phrase_shows_where_the_words_of_the_next_one_belong(make_product: MakeProduct) -> None:
    """Nothing says that a cup is a beaker but that the third phrase has one where the second has the other."""
    make_product("Blue Beaker")
    make_product("Azure Beaker")
    make_product("Chalice Azure")
    Synonym.objects.create(term="sky cup", replacements=["azure beaker", "blue cup", "chalice azure"])
    make_product("Sky Cup")
    assert terms("sky cup") == [{"sky", "blue", "azur"}, {"cup", "beaker", "chalic"}]


def test_a_synonym_that_only_says_more_finds_nothing_more(make_product: MakeProduct) -> None:
    make_product("Breakfast Cereal")
    make_product("Breakfast Tea")
    assert terms("cereal") == [{"cereal"}]
    assert [hit.name for hit in search("cereal").results] == ["Breakfast Cereal"]


def test_how_common_a_word_of_a_phrase_is_by_itself_says_nothing(make_product: MakeProduct) -> None:
    for n in range(20):
        make_product(f"Soda {n}", category="Soft Drinks")
    make_product("Oat Milk")
    indexing.refresh()
    oat, milk = plan.make("oat milk").groups
    assert "drink" in {term.term for term in milk.terms}
    assert milk.products == 3
    assert oat.products == 2
    (plain,) = plan.make("milk").groups
    assert plain.products == milk.products


def test_a_small_word_with_an_accent_that_has_a_synonym_is_no_filler(make_product: MakeProduct) -> None:
    make_product("Thé vert")
    make_product("Black Tea")
    make_product("Best of the Sea")
    assert terms("thé du matin")[0] == {"the", "tea"}
    assert terms("the best") == [{"best"}]
    assert len(terms("à la vanille")) == 1
    assert found("thé") == "Black Tea"


def test_a_synonym_of_the_same_words_in_another_order_changes_nothing(make_product: MakeProduct) -> None:
    make_product("Salad Mix")
    Synonym.objects.create(term="mix salad", replacements=["salad mix"])
    assert terms("mix salad") == [{"mix"}, {"salad"}]
    assert found("mix salad") == "Salad Mix"
