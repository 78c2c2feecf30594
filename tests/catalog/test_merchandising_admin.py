"""Synonyms and merchandising rules in the admin: preview, refusals, permissions, the audit."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from leafloaf.catalog import preview, version
from leafloaf.catalog.models import Category, MerchandisingRule, Placement, Product, Synonym
from leafloaf.catalog.search import Hit, search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db

ADD_RULE = "admin:catalog_merchandisingrule_add"
ADD_SYNONYM = "admin:catalog_synonym_add"


@pytest.fixture(autouse=True)
def words_alone(settings: Settings) -> None:
    settings.SEARCH_ALPHA = 0.0


@pytest.fixture
def shop(make_product: MakeProduct) -> None:
    for number in range(1, 15):
        make_product(
            f"Milk {'fresh ' * (number - 1)}{number}", sku=f"m{number}", brand="Nord", category="Dairy > Milk"
        )
    make_product("Soda", sku="soda", category="Drinks")


def rule_form(pins: dict[str, int | str] | None = None, **fields: Any) -> dict[str, Any]:
    """What the page of a rule sends; `pins` by SKU."""
    rows = list((pins or {}).items())
    form = {
        "name": "Autumn", "action": "pin", "is_active": "on", "match": "exact", "query": "milk", "within": "",
        "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": "", "factor": "", "brand": "",
        "category": "", "priority": "100", "placements-TOTAL_FORMS": str(len(rows)), "placements-INITIAL_FORMS": "0",
    }  # fmt: skip
    for number, (sku, position) in enumerate(rows):
        form[f"placements-{number}-product"] = str(Product.objects.get(sku=sku).pk)
        form[f"placements-{number}-position"] = str(position)
    return form | fields


def synonym_form(**fields: Any) -> dict[str, Any]:
    return {"term": "fizz", "replacements": "soda, pop", "language": "", "is_active": "on"} | fields


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def lists(answer: Any) -> tuple[list[str], list[str]]:
    """Both lists of the preview: place, name and move of each line."""
    comparison = answer.context["comparison"]
    before, after = (
        [f"{line.hit.position} {line.hit.sku} {line.mark}".strip() for line in lines]
        for lines in (comparison.before, comparison.after)
    )
    return before, after


@pytest.mark.usefixtures("shop")
def test_a_rule_made_here_holds_at_once(admin_client: Client) -> None:
    answer = admin_client.post(reverse(ADD_RULE), rule_form({"m9": 1, "soda": 2}))
    assert answer.status_code == 302, text(answer)
    assert [hit.sku for hit in search("milk", limit=3).results] == ["m9", "soda", "m1"]


@pytest.mark.usefixtures("shop")
def test_a_preview_shows_what_would_move_and_saves_nothing(admin_client: Client) -> None:
    before = version.current()
    answer = admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1, "soda": 3}, _preview="1"))
    assert answer.status_code == 200
    now, then = lists(answer)
    assert now == [*(f"{n} m{n}" for n in range(1, 11)), "11 m11", "12 m12 gone"]
    assert then[:5] == ["1 m4 ↑3", "2 m1 ↓1", "3 soda new", "4 m2 ↓2", "5 m3 ↓2"]
    assert len(then) == 12
    assert "moved up by 3" in text(answer)
    assert "14 results now, 15 then" in text(answer)
    assert not MerchandisingRule.objects.exists()
    assert not Placement.objects.exists()
    assert not AuditEntry.objects.exists()
    assert version.current() == before


@pytest.mark.usefixtures("shop")
def test_the_page_of_a_preview_can_be_saved_as_it_stands(admin_client: Client) -> None:
    answer = admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1}, _preview="1"))
    page = answer.content.decode()
    assert 'value="Autumn"' in page
    assert 'name="placements-INITIAL_FORMS" value="0"' in page
    assert "Please correct" not in page
    assert admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1})).status_code == 302


@pytest.mark.usefixtures("shop")
def test_a_change_is_previewed_against_what_is_saved(admin_client: Client) -> None:
    admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1, "m5": 2}))
    rule = MerchandisingRule.objects.get()
    first, second = rule.placements.all()
    changed = rule_form({"m5": 1, "m4": 2}) | {
        "placements-INITIAL_FORMS": "2", "placements-0-id": str(first.pk), "placements-1-id": str(second.pk),
        "placements-0-rule": str(rule.pk), "placements-1-rule": str(rule.pk),
    }  # fmt: skip
    address = reverse("admin:catalog_merchandisingrule_change", args=[rule.pk])
    now, then = lists(admin_client.post(address, changed | {"_preview": "1"}))
    assert now[:2] == ["1 m4", "2 m5"]
    assert then[:3] == ["1 m5 ↑1", "2 m4 ↓1", "3 m1"]
    assert [placement.product.sku for placement in rule.placements.all()] == ["m4", "m5"]
    answer = admin_client.post(address, changed)
    assert answer.status_code == 302, text(answer)
    assert [hit.sku for hit in search("milk", limit=2).results] == ["m5", "m4"]


@pytest.mark.usefixtures("shop")
def test_a_removed_product_is_previewed_as_removed(admin_client: Client) -> None:
    admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1, "m5": 2}))
    rule = MerchandisingRule.objects.get()
    first, second = rule.placements.all()
    changed = rule_form({"m4": 1, "m5": 2}) | {
        "placements-INITIAL_FORMS": "2", "placements-0-id": str(first.pk), "placements-1-id": str(second.pk),
        "placements-0-DELETE": "on", "_preview": "1",
    }  # fmt: skip
    address = reverse("admin:catalog_merchandisingrule_change", args=[rule.pk])
    _, then = lists(admin_client.post(address, changed))
    assert then[:3] == ["1 m1 ↑2", "2 m5", "3 m2 ↑1"]
    assert rule.placements.count() == 2


@pytest.mark.usefixtures("shop")
def test_a_preview_looks_at_any_query_at_categories_and_as_if_the_dates_had_come(
    admin_client: Client,
) -> None:
    form = rule_form(
        {"m5": 1},
        match="words",
        starts_at_0="2099-01-01",
        starts_at_1="00:00:00",
        _preview="1",
        _preview_query="fresh milk",
    )
    comparison = admin_client.post(reverse(ADD_RULE), form).context["comparison"]
    assert comparison.query == "fresh milk"
    assert comparison.after[0].hit.sku == "m5"
    category = Category.objects.get(path="Dairy")
    form = rule_form({"m5": 1}, query="", within=str(category.pk), _preview="1")
    comparison = admin_client.post(reverse(ADD_RULE), form).context["comparison"]
    assert (comparison.query, comparison.category) == ("", "Dairy")
    assert comparison.after[0].hit.sku == "m5"


@pytest.mark.usefixtures("shop")
def test_a_rule_that_is_switched_off_is_previewed_as_without_effect(admin_client: Client) -> None:
    form = rule_form({"m5": 1}, _preview="1")
    del form["is_active"]
    answer = admin_client.post(reverse(ADD_RULE), form)
    assert not answer.context["comparison"].is_changed
    assert "switched off" in text(answer)


@pytest.mark.usefixtures("shop")
def test_a_synonym_is_previewed_with_what_its_term_finds(admin_client: Client) -> None:
    Synonym.objects.all().delete()
    answer = admin_client.post(reverse(ADD_SYNONYM), synonym_form(is_one_way="on", _preview="1"))
    assert lists(answer) == ([], ["1 soda new"])
    assert "Nothing is found." in text(answer)
    assert not Synonym.objects.exists()
    assert admin_client.post(reverse(ADD_SYNONYM), synonym_form(is_one_way="on")).status_code == 302
    assert [hit.sku for hit in search("fizz").results] == ["soda"]
    synonym = Synonym.objects.get()
    form = synonym_form(is_one_way="on", replacements="milk", _preview="1")
    now, then = lists(admin_client.post(reverse("admin:catalog_synonym_change", args=[synonym.pk]), form))
    assert now == ["1 soda gone"]
    assert then[0] == "1 m1 new"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("pins", "fields", "said"),
    [
        ({}, {}, "A pin needs a product."),
        ({"m1": ""}, {}, "needs a position from 1 to 50"),
        ({"m1": 51}, {}, "A position is from 1 to 50."),
        ({"m1": 0}, {}, "A position is from 1 to 50."),
        ({"m1": 3, "m2": 3}, {}, "Two products have the same position."),
        ({"m1": 1}, {"query": ""}, "Say when the rule holds"),
        ({"m1": 1}, {"query": "!!"}, "There is no word in this query."),
        ({"m1": 1}, {"factor": "2"}, "A pin has no factor"),
        (
            {"m1": 1},
            {"starts_at_0": "2030-01-02", "starts_at_1": "00:00", "ends_at_0": "2030-01-01", "ends_at_1": "00:00"},
            "The end must be after the start.",
        ),
        ({}, {"action": "boost", "factor": "2"}, "Say what it is about"),
        ({"m1": ""}, {"action": "boost"}, "A boost needs a factor from 1 to 10."),
        ({"m1": ""}, {"action": "bury", "factor": "2"}, "A bury needs a factor from 0 to 1."),
        ({"m1": 1}, {"name": ""}, "This field is required."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pressed", ["_save", "_preview"])
def test_what_makes_no_sense_is_said_and_neither_saved_nor_previewed(
    admin_client: Client, pins: dict[str, int | str], fields: dict[str, str], said: str, pressed: str
) -> None:
    answer = admin_client.post(reverse(ADD_RULE), rule_form(pins, **fields) | {pressed: "1"})
    assert answer.status_code == 200
    assert said in text(answer)
    assert "comparison" not in answer.context
    assert not MerchandisingRule.objects.exists()


@pytest.mark.usefixtures("shop")
def test_a_product_cannot_be_there_twice(admin_client: Client) -> None:
    form = rule_form({"m1": 1, "m2": 2})
    form["placements-1-product"] = form["placements-0-product"]
    assert "A product is there twice." in text(admin_client.post(reverse(ADD_RULE), form))


@pytest.mark.usefixtures("shop")
def test_hostile_queries_are_previewed_like_any_other(admin_client: Client) -> None:
    for query in ("\0", "'; DROP TABLE x; --", "<script>alert(1)</script>", "%" * 300, "🥛"):
        form = rule_form({"m1": 1}, _preview="1", _preview_query=query)
        answer = admin_client.post(reverse(ADD_RULE), form)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()


@pytest.mark.usefixtures("shop")
def test_every_save_and_deletion_is_in_the_audit(admin_client: Client) -> None:
    admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1}))
    rule = MerchandisingRule.objects.get()
    placement = rule.placements.get()
    admin_client.post(
        reverse("admin:catalog_merchandisingrule_change", args=[rule.pk]),
        rule_form({"m4": 7}, priority="3")
        | {
            "placements-INITIAL_FORMS": "1",
            "placements-0-id": str(placement.pk),
            "placements-0-rule": str(rule.pk),
        },
    )
    admin_client.post(reverse("admin:catalog_merchandisingrule_delete", args=[rule.pk]), {"post": "yes"})
    Synonym.objects.all().delete()
    admin_client.post(reverse(ADD_SYNONYM), synonym_form())
    admin_client.post(
        reverse("admin:catalog_synonym_changelist"),
        {"action": "delete_selected", "_selected_action": [Synonym.objects.get().pk], "post": "yes"},
    )
    written = [(entry.actor, entry.action, entry.target) for entry in AuditEntry.objects.order_by("id")]
    assert written == [
        ("admin", "add merchandising rule", "Autumn"),
        ("admin", "change merchandising rule", "Autumn"),
        ("admin", "delete merchandising rule", "Autumn"),
        ("admin", "add synonym", "fizz: soda, pop"),
        ("admin", "delete synonym", "fizz: soda, pop"),
    ]
    changed = AuditEntry.objects.get(action="change merchandising rule").details["row"]
    assert changed["products"] == [["m4", 7]]
    assert changed["priority"] == 3


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("field", "term"), [("brand", "nor"), ("category", "dai"), ("within", "dai")])
def test_what_a_rule_is_about_is_found_by_its_name(admin_client: Client, field: str, term: str) -> None:
    asked = {"app_label": "catalog", "model_name": "merchandisingrule", "field_name": field, "term": term}
    answer = admin_client.get(reverse("admin:autocomplete"), asked)
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == {"brand": 1, "category": 2, "within": 2}[field]


def staff(*codenames: str) -> Client:
    user = User.objects.create_user("nora", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("pressed", ["_save", "_preview"])
def test_who_may_only_look_neither_saves_nor_previews(pressed: str) -> None:
    rule = MerchandisingRule.objects.create(name="Autumn", action="boost", query="milk", factor=2)
    client = staff("view_merchandisingrule", "view_placement", "view_synonym")
    change = reverse("admin:catalog_merchandisingrule_change", args=[rule.pk])
    page: HttpResponse = client.get(change)  # type: ignore[assignment]
    assert page.status_code == 200
    assert "_preview" not in page.content.decode()
    for address in (reverse(ADD_RULE), change, reverse(ADD_SYNONYM)):
        assert client.post(address, rule_form({"m1": 1}) | {pressed: "1"}).status_code == 403


@pytest.mark.usefixtures("shop")
def test_who_may_change_previews() -> None:
    client = staff("add_merchandisingrule", "add_placement", "change_placement", "change_merchandisingrule")
    assert client.post(reverse(ADD_RULE), rule_form({"m4": 1}, _preview="1")).context["comparison"].is_changed


@pytest.mark.usefixtures("shop")
def test_a_search_that_takes_too_long_is_said(admin_client: Client, settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION catalog_stem(word text) RETURNS text LANGUAGE sql AS "
            "$$ SELECT word FROM pg_sleep(1) $$"
        )
    settings.SEARCH_TIMEOUT_SECONDS = 0.05
    answer = admin_client.post(reverse(ADD_RULE), rule_form({"m4": 1}, _preview="1"))
    assert "The search took too long." in text(answer)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("name", ["merchandisingrule", "synonym"])
def test_a_list_takes_as_many_statements_for_thirty_rows_as_for_one(admin_client: Client, name: str) -> None:
    dairy = Category.objects.get(path="Dairy")
    make: dict[str, Callable[[int], object]] = {
        "synonym": lambda n: Synonym.objects.create(term=f"word {n}", replacements=["milk"]),
        "merchandisingrule": lambda n: MerchandisingRule.objects.create(
            name=f"Rule {n}", action="boost", within=dairy, category=dairy, factor=2
        ),
    }
    address = reverse(f"admin:catalog_{name}_changelist")
    make[name](0)
    admin_client.get(address)
    one = statements(admin_client, address)
    for n in range(1, 31):
        make[name](n)
    assert statements(admin_client, address) == one


def statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    ("asked", "found"), [("now", ["on"]), ("later", ["later"]), ("over", ["over"]), ("off", ["off"])]
)
def test_rules_are_filtered_by_whether_they_hold(admin_client: Client, asked: str, found: list[str]) -> None:
    long_ago, far_away = "2001-01-01T00:00Z", "2099-01-01T00:00Z"
    dates: dict[str, dict[str, Any]] = {
        "on": {"starts_at": long_ago, "ends_at": far_away},
        "later": {"starts_at": far_away},
        "over": {"ends_at": long_ago},
        "off": {"is_active": False},
    }
    for name, fields in dates.items():
        MerchandisingRule.objects.create(name=name, action="boost", query="milk", factor=2, **fields)
    page = admin_client.get(reverse("admin:catalog_merchandisingrule_changelist"), {"in_force": asked})
    assert [rule.name for rule in page.context["cl"].result_list] == found


def test_the_migrations_make_what_the_models_say() -> None:
    call_command("makemigrations", "catalog", check=True, dry_run=True, verbosity=0)


def hit(product_id: int, position: int) -> Hit:
    return Hit(
        sku=str(product_id), name="", brand=None, category=None, price=None, currency="CAD", dietary=(),
        supplier=None, in_stock=True, size="", product_id=product_id, score=1.0, position=position,
    )  # fmt: skip


def test_two_lists_are_compared_result_by_result() -> None:
    before, after = preview.compare([hit(1, 1), hit(2, 2), hit(3, 3)], [hit(3, 1), hit(1, 2), hit(4, 3)])
    assert [(line.hit.product_id, line.mark) for line in before] == [(1, ""), (2, "gone"), (3, "")]
    assert [(line.hit.product_id, line.mark) for line in after] == [(3, "↑2"), (1, "↓1"), (4, "new")]
