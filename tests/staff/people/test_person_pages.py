"""What the pages of a person show, and what they do not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from capture.models import Event
from leafloaf.staff.people import calendar, history
from personalization import person_graph, profiles
from personalization.models import Exposure
from personalization.recommending import dismissals, recommend, reorders
from personalization.signals import people
from privacy import consent, lookups
from privacy.erasure import requests
from privacy.models import Actor, PersonLookup, StaffAccess
from tests.calls import interaction, order, search
from tests.personalization import grocery
from tests.privacy.entering import signed_in
from tests.staff.conftest import staff
from tests.staff.people.conftest import NAMES, OTHERS, USER, WORDS, body, look_up, page

pytestmark = pytest.mark.django_db


def subject_of(lookup: PersonLookup) -> Any:
    assert lookup.subject_id
    return lookup.subject_id


def change(lookup: PersonLookup, **settings: Any) -> None:
    consent.change(subject_of(lookup), settings, Actor.USER)  # type: ignore[arg-type]


# Who is told


def test_every_page_is_told_to_the_person_by_role_page_and_reason(
    olive: Client, lookup: PersonLookup
) -> None:
    for name in NAMES:
        assert page(olive, lookup, name).status_code == 200
    accesses = list(StaffAccess.objects.order_by("id"))
    assert [access.page for access in accesses] == [
        "Privacy settings", "Preference scores", "Reorder calendar", "Recommendations", "History", "Memory graph"
    ]  # fmt: skip
    assert {(access.actor, access.category, access.reason) for access in accesses} == {
        ("olive", "order", WORDS)
    }
    said = signed_in(USER).get("/privacy/accesses").content.decode()
    assert said.count("A problem with an order") == len(NAMES)
    assert "olive" not in said
    assert WORDS not in said


def test_no_page_has_the_pseudonym_or_the_user_id(olive: Client, lookup: PersonLookup) -> None:
    event = Event.objects.filter(subject_id=lookup.subject_id).first()
    assert event
    visit = olive.get(reverse("admin:person_visit", args=[lookup.pk, event.pk])).content.decode()
    for text in (visit, *(body(olive, lookup, name) for name in NAMES)):
        assert str(lookup.subject_id) not in text
        assert USER not in text


def test_pages_are_not_kept_by_the_browser(olive: Client, lookup: PersonLookup) -> None:
    assert "no-store" in page(olive, lookup).headers["Cache-Control"]


# Privacy


def test_the_first_page_says_what_they_allow_and_what_they_agreed_to(
    olive: Client, lookup: PersonLookup
) -> None:
    assert "Never changed: these are the defaults" in body(olive, lookup)
    change(lookup, search_history=False, data_retention_days=30)
    text = body(olive, lookup)
    assert "Searches are neither kept nor used." in text
    assert "30 days" in text
    assert "Keep what I search for." in text
    assert "Sec-GPC" in text
    answer = page(olive, lookup)
    assert [(one.before, one.after) for one in answer.context["consents"]] == [
        ("On", "Off"),
        ("90 days", "30 days"),
    ]


def test_a_wish_to_be_erased_that_waits_for_approval_is_shown(olive: Client, lookup: PersonLookup) -> None:
    asked = requests.ask_on_behalf(USER, "kim", "by letter")
    text = body(olive, lookup)
    assert "They asked to be erased" in text
    assert str(asked.pk) not in text
    desk = staff("desk", "privacy.lookup_person", "privacy.view_deletionrequest")
    assert f"?request={asked.pk}" in body(desk, look_up(by="desk"))


# Scores


def test_scores_are_those_that_the_person_is_shown_and_the_parts_add_up_to_them(
    olive: Client, lookup: PersonLookup
) -> None:
    context = page(olive, lookup, "person_scores").context
    profile = context["profile"]
    shown = profiles.of(people.known(USER), timezone.now(), with_evidence=True)
    by_kind = {panel.kind: panel for panel in context["panels"]}
    for kind, panel in by_kind.items():
        assert {score.score for score in panel.scores} == set(getattr(profile, kind).values())
        for score in panel.scores:
            parts = sum(part.amount for part in score.parts) + sum(amount for _, amount in score.products)
            assert parts + score.rest == pytest.approx(score.total)
            assert min(score.total, 1) == pytest.approx(score.score, abs=1e-4)
    milk = next(score for score in by_kind["products"].scores if score.name == "Milk")
    for part in milk.parts:
        assert part.weight * part.decay**part.days == pytest.approx(part.amount)
    assert [(one.signal, one.count) for one in milk.seen] == [
        (one.signal, one.count) for one in (shown.evidence or {})["milk"]
    ]


def test_one_kind_can_be_looked_at_alone(olive: Client, lookup: PersonLookup) -> None:
    context = page(olive, lookup, "person_scores", "?kind=brands").context
    assert [panel.kind for panel in context["panels"]] == ["brands"]
    context = page(olive, lookup, "person_scores", "?kind=persons").context
    assert len(context["panels"]) == 3


def test_what_needs_a_consent_of_its_own_is_shown_with_it_alone(olive: Client, lookup: PersonLookup) -> None:
    text = body(olive, lookup, "person_scores")
    assert "They do not allow that prices are tracked." in text
    assert text.count("They do not allow that anything is inferred about their household.") == 2
    change(lookup, price_tracking=True, household_inference=True)
    text = body(olive, lookup, "person_scores")
    assert "They do not allow" not in text
    assert "sure; About" in text
    change(lookup, purchase_history=False)
    assert "They do not allow that their purchases are used." in body(olive, lookup, "person_scores")


# Reorders


def test_reorders_stand_on_the_day_on_which_they_are_expected(olive: Client, lookup: PersonLookup) -> None:
    context = page(olive, lookup, "person_reorders").context
    expected = reorders.due(people.known(USER), timezone.now(), 100)
    assert (
        [item.sku for item in context["items"]] == [item.sku for item in expected] == ["milk", "wheat-bread"]
    )
    days = [day for week in context["weeks"] for day in week]
    assert {item.sku: day.date for day in days for item in day.items} == {
        item.sku: timezone.localtime(item.next_expected).date() for item in expected
    }


def test_the_calendar_has_whole_weeks_and_four_of_them_at_least(olive: Client, lookup: PersonLookup) -> None:
    [item, *_] = reorders.due(people.known(USER), timezone.now())
    for number in range(7):
        today = timezone.localdate() + timedelta(days=number)
        weeks = calendar.weeks([item] * 8, today)
        days = [day for week in weeks for day in week]
        assert {len(week) for week in weeks} == {7}
        assert days[0].date.weekday() == 0
        assert days[0].date <= today
        assert days[-1].date >= today + timedelta(days=27)
        assert [day.date for day in days if day.is_today] == [today]
    weeks = calendar.weeks([item] * 8, calendar.day_of(item))
    [busy] = [day for week in weeks for day in week if day.items]
    assert (len(busy.items), busy.others) == (5, 3)


def test_reorders_are_off_with_what_they_need(olive: Client, lookup: PersonLookup) -> None:
    change(lookup, purchase_history=False)
    assert "They do not allow that their purchases are used" in body(olive, lookup, "person_reorders")


# Recommendations


def test_recommendations_are_those_of_this_moment_and_nothing_is_logged(
    olive: Client, lookup: PersonLookup
) -> None:
    before = Event.objects.count(), Exposure.objects.count()
    dismissals.add(subject_of(lookup), "cream")
    answer = page(olive, lookup, "person_recommendations")
    expected = recommend.for_person(people.known(USER), timezone.now(), 20)
    assert [item.sku for item in answer.context["items"]] == [item.sku for item in expected.items]
    assert "You buy this about every 7 days" in answer.content.decode()
    assert answer.context["dismissed"][0][0] == "Cream"
    assert (Event.objects.count(), Exposure.objects.count()) == before


# History


def test_history_has_visits_newest_first_and_pages_by_place_in_the_log(
    olive: Client, lookup: PersonLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "A_PAGE", 7)
    seen, query = [], ""
    while True:
        context = page(olive, lookup, "person_history", query).context
        seen += [one.event for stay in context["stays"] for one in stay.happenings]
        if not context["older"]:
            break
        query = f"?before={context['older']}"
    assert [event.pk for event in seen] == list(
        Event.objects.filter(subject_id=lookup.subject_id)
        .order_by("-received_at", "-id")
        .values_list("pk", flat=True)
    )
    assert len(seen) == 30


@pytest.mark.parametrize("place", ["x", "-", "1", "1-", "1-x", "9" * 18 + "-1", "9" * 40 + "-1", "²-1"])
def test_a_place_that_is_none_is_the_latest(olive: Client, lookup: PersonLookup, place: str) -> None:
    assert page(olive, lookup, "person_history", f"?before={place}").context["stays"]


def test_history_says_what_was_done_with_which_product(olive: Client, lookup: PersonLookup) -> None:
    text = body(olive, lookup, "person_history")
    for said in (
        "“oat drink 1”, 3 found",
        "Milk: looked at",
        "2 × Milk: put into the cart",
        "Milk, Wheat Bread; 4",
        "Milk, Apple; on home",
    ):
        assert said in text
    assert "fresh milk" not in text


def test_a_visit_has_what_they_did_before_they_were_signed_in(olive: Client, lookup: PersonLookup) -> None:
    event = Event.objects.filter(subject_id=lookup.subject_id, session_id="visit 2").first()
    assert event
    address = reverse("admin:person_visit", args=[lookup.pk, event.pk])
    text = olive.get(address).content.decode()
    assert text.index("fresh milk 2") < text.index("oat drink 2") < text.index("Wheat Bread")
    assert "visit 3" not in text
    assert StaffAccess.objects.get().page == "One visit"
    grocery.send(search(query="of another", session_id="visit 2"), user="somebody-else")
    text = olive.get(address).content.decode()
    assert "fresh milk 2" not in text
    assert "of another" not in text
    assert "oat drink 2" in text


def test_an_event_of_somebody_else_is_no_visit_of_theirs(olive: Client, lookup: PersonLookup) -> None:
    grocery.send(interaction(product_id="pear", session_id="theirs"), user="somebody-else")
    for event in Event.objects.filter(session_id__in=["theirs", "visit 1"]).exclude(
        subject_id=lookup.subject_id
    ):
        assert olive.get(reverse("admin:person_visit", args=[lookup.pk, event.pk])).status_code == 404


def test_an_event_without_a_visit_stands_alone(olive: Client, lookup: PersonLookup) -> None:
    grocery.send(interaction(product_id="pear", interaction_type="rating", rating=2), user=USER)
    event = Event.objects.latest("id")
    text = olive.get(reverse("admin:person_visit", args=[lookup.pk, event.pk])).content.decode()
    assert "Pear: rated, 2 stars" in text
    assert "Of no visit" in body(olive, lookup, "person_history")


def test_events_are_linked_for_who_may_see_them(olive: Client, lookup: PersonLookup) -> None:
    event = Event.objects.filter(subject_id=lookup.subject_id).latest("id")
    address = reverse("admin:capture_event_change", args=[event.pk])
    assert address not in body(olive, lookup, "person_history")
    both = staff("kim", "privacy.lookup_person", "capture.view_event")
    assert address in body(both, look_up(by="kim"), "person_history")


# Memory


def test_the_graph_is_the_one_that_they_can_ask_for(olive: Client, lookup: PersonLookup) -> None:
    _, graph = person_graph.of(people.known(USER), timezone.now())
    context = page(olive, lookup, "person_memory").context
    assert context["page"].paginator.count == len(graph.relationships) + len(graph.temporal_patterns)
    assert sum(count for _, count in context["entities"]) == len(graph.entities)
    text = body(olive, lookup, "person_memory", "?show=bought_with")
    assert "Wheat Bread" in text
    assert "share 1.0" in text
    assert page(olive, lookup, "person_memory", "?show=reorder_cycle").context["page"].paginator.count == 2
    assert page(olive, lookup, "person_memory", "?show=all&page=99").status_code == 200


# Consent


def test_without_personalization_staff_see_no_more_than_is_kept_and_why(
    olive: Client, lookup: PersonLookup
) -> None:
    change(lookup, personalization_enabled=False)
    for name in ("person_scores", "person_reorders", "person_memory"):
        text = body(olive, lookup, name)
        assert "They do not allow personalization" in text, name
        assert "Milk" not in text, name
    text = body(olive, lookup, "person_recommendations")
    assert "They do not allow personalization" in text
    assert "You buy this" not in text


@pytest.mark.parametrize(
    ("setting", "hidden", "left"),
    [
        ("search_history", "oat drink", "Milk, Wheat Bread"),
        ("purchase_history", "Milk, Wheat Bread", "oat drink"),
    ],
)
def test_what_they_do_not_want_kept_says_nothing_though_the_log_has_some_of_before(
    olive: Client, lookup: PersonLookup, setting: str, hidden: str, left: str
) -> None:
    change(lookup, **{setting: False})
    event = Event.objects.filter(subject_id=lookup.subject_id).latest("id")
    visit = olive.get(reverse("admin:person_visit", args=[lookup.pk, event.pk])).content.decode()
    for text in (body(olive, lookup, "person_history"), visit):
        assert hidden not in text
        assert left in text
        assert "Not shown: they do not allow" in text


def test_who_has_no_past_is_told_so_on_every_page(olive: Client, past: datetime) -> None:
    signed_in("new-user")
    lookup = look_up("new-user")
    for name, said in zip(
        OTHERS,
        [
            "Nothing is remembered",
            "bought nothing in two orders",
            "Nothing is remembered",
            "The log has nothing",
            "Nothing",
        ],
        strict=True,
    ):
        assert said in body(olive, lookup, f"person_{name}"), name


def test_a_person_of_strange_words_breaks_no_page(olive: Client, past: datetime) -> None:
    """Nothing that a shopper wrote is markup, and a product that the catalogue has no more goes by its SKU."""
    odd = "<script>alert(1)</script>"
    grocery.send(
        search(query=odd), order(order_id=odd), interaction(product_id="<b>gone</b>"), user="odd-user"
    )
    lookup = look_up("odd-user")
    for name in NAMES:
        text = body(olive, lookup, name)
        assert "<script>alert" not in text
        assert "<b>gone" not in text
    assert "&lt;b&gt;gone&lt;/b&gt;: clicked" in body(olive, lookup, "person_history")


def test_the_shops_rules_are_shown_beside_the_scores(olive: Client, lookup: PersonLookup) -> None:
    shown = page(olive, lookup, "person_scores").context["signals"]
    assert [rule for _, rule in shown] == list(configured.SIGNALS.values())
    assert lookups.current("olive", subject_of(lookup)) == lookup
