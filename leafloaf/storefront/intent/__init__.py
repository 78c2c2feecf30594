"""What a shopper means by a query: ordered named rules, the first that holds; docs/intent.md lists them.

A query is a product search unless a rule says otherwise, and no text is an error.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from leafloaf.catalog.text import normalise
from leafloaf.storefront.intent import (
    acts,
    changes,
    diet,
    known,
    meals,
    model,
    orders,
    prices,
    service,
    shelves,
    wording,
)
from leafloaf.storefront.intent.acts import Act
from leafloaf.storefront.intent.known import Known
from leafloaf.storefront.intent.numbers import sized
from leafloaf.storefront.intent.rule import Rule

INTENTS = (
    "product_search", "browse_category", "brand_search", "add_to_order", "remove_from_order", "update_quantity",
    "view_order", "reorder", "recipe", "support", "other",
)  # fmt: skip
SEARCHES = frozenset(INTENTS[:3])
TO_THE_ORDER = frozenset(INTENTS[3:6])
ON_ORDERS = frozenset(INTENTS[3:8])
"""Intents whose answer depends on the shopper's own order: never from a cache, and products are their entities."""

RULES: tuple[Rule, ...] = (
    *service.OTHER,
    *service.SUPPORT[:1],
    *orders.REORDER,
    *orders.VIEW,
    *service.SUPPORT[1:],
    *changes.UPDATE,
    *changes.REMOVE,
    *changes.ADD[:1],
    *meals.RECIPE,
    *changes.ADD[1:],
)


HEARD = 24
"""Words that the rules listen to: nobody needs more to say what they want, and a pattern stays quick."""
ANYTHING = frozenset({"stuff", "anything", "something", "things", "products", "items", "food", "foods"})


@dataclass(frozen=True)
class Intent:
    """What was meant, how sure that is (0 to 1), and what was recognised in the query.

    `search_words` is the query for the keyword engine and `filters` what is left out of it; a caller that finds
    nothing by both asks for the whole query again. `acts` are the steps of an order, `rule` the rule that decided.
    """

    name: str
    confidence: float
    entities: dict[str, Any] = field(default_factory=dict)
    rule: str = "plain words"
    search_words: str = ""
    filters: dict[str, Any] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()


def of(query: str, names: Known | None = None) -> Intent:
    """The intent of a query, held against the names of a catalogue: the shop's own unless others are given."""
    names = known.current() if names is None else names
    words = normalise(query)
    if not words:
        return Intent("browse_category", 1.0, rule="nothing asked", search_words=query.strip())
    if category := names.category(words):
        return Intent("browse_category", 0.9, {"category": category}, "a category's name", query.strip())
    if brand := names.brand(words):
        return Intent("brand_search", 0.9, {"brand": brand}, "a brand's name", query.strip())
    spelled = normalise(prices.spell_out(query))
    said = wording.bare(wording.corrected(spelled))
    if (rule := deciding(said)) is None:
        return _searching(query, words, spelled, said, names)
    return _told(query, rule.intent, rule.confidence, rule.name, names)


def deciding(said: str) -> Rule | None:
    """The first rule that holds of what is said."""
    every = said.split()[:HEARD]
    said, present = " ".join(every), frozenset(every)
    return next((rule for rule in RULES if rule.holds(said, present)), None)


def _heard(spelled: str, enough: float) -> tuple[str, float] | None:
    """What the model hears in a query that sounds like speech; None for a search, or when it is not sure."""
    words = wording.corrected(spelled).split()
    if model.MODEL is None or not model.sounds_spoken(words):
        return None
    intent, probability = model.MODEL.best(words)
    if intent in SEARCHES or probability < enough:
        return None
    return intent, round(min(probability, 0.8), 2)


def _told(query: str, name: str, confidence: float, rule: str, names: Known) -> Intent:
    """The intent by a rule or by the model, with its acts when it is about an order."""
    if name not in ON_ORDERS - {"view_order"}:
        return Intent(name, confidence, {}, rule, query.strip())
    done = acts.read(query, name, names, _order_intent)
    first = done[0]
    return Intent(
        first.name, confidence, first.entities, rule, first.entities.get("product", query.strip()), {}, done
    )


def _order_intent(said: str) -> str | None:
    rule = deciding(said)
    return rule.intent if rule and rule.intent in TO_THE_ORDER | {"reorder"} else None


def _searching(query: str, words: str, spelled: str, said: str, names: Known) -> Intent:
    """A search: a shelf or a brand by request, or products."""
    is_short = len(said.split()) <= HEARD
    if is_short and (found := shelves.shelf(said, names)) is not None:
        entities: dict[str, Any] = {"category": found[0]} if found[0] else {}
        return Intent("browse_category", 0.85, entities, "a shelf by request", query.strip())
    if is_short and (asked := shelves.brand(said, names)) is not None:
        return Intent(
            "brand_search",
            0.85 if asked[1] else 0.6,
            {"brand": asked[0]},
            "a brand by request",
            query.strip(),
        )
    spelled = wording.CLOSERS.sub("", spelled)
    request = shelves.asked_for(spelled)
    if (heard := _heard(spelled, model.SURE_ENOUGH if request is None else model.VERY_SURE)) is not None:
        return _told(query, *heard, "sounds like it", names)
    entities, filters, rest = _narrowed(request or spelled, names)
    if size := sized(rest.split()):
        entities |= {"quantity": size[0], "unit": size[1]}
    is_changed = request is not None or filters or len(spelled) < len(words)
    rule = "a request for products" if request else "plain words with filters" if filters else "plain words"
    return Intent(
        "product_search",
        0.9 if is_changed else 0.7,
        entities,
        rule,
        rest if is_changed else query.strip(),
        filters,
    )


def _narrowed(words: str, names: Known) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What is recognised in the words of a search, what of it narrows the search, and the words that are left."""
    entities: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    bounds = prices.find(words)
    rest = bounds.rest
    branded = ""
    if found := names.brand_at_an_end(rest):
        entities["brand"], start, end = found
        every = rest.split()
        branded = " ".join(every[start:end])
        rest = " ".join([*every[:start], "\0", *every[end:]])
    marks, rest = diet.find(rest, names.diets)
    rest = rest.replace("\0", branded)
    for name, value in (("price_min", bounds.low), ("price_max", bounds.high)):
        if value is not None:
            filters[name], entities[name] = value, float(Decimal(value))
    if marks:
        filters["dietary"] = entities["dietary"] = marks
    return entities, filters, _tidied(rest) if filters else rest


def _tidied(words: str) -> str:
    """The words without the joints that a filter left behind."""
    rest = words.split()
    while rest and rest[-1] in {
        "and",
        "et",
        "that",
        "which",
        "are",
        "is",
        "with",
        "but",
        "or",
        "for",
        "a",
        "de",
        "pour",
    }:
        rest.pop()
    while rest and rest[0] in {"and", "et", "that", "are", "is", "or", "the", "some", "any"}:
        rest.pop(0)
    return "" if len(rest) == 1 and rest[0] in ANYTHING else " ".join(rest)
