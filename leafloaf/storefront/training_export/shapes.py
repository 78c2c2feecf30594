"""The shapes of the rows: a search with what followed, and the same as lessons for a language model.

A lesson has two roles only, `user` and `assistant`: the chat templates of some small models (Gemma's) know no other.
What the model answers is JSON, so that a caller can tell a wrong answer from a right one.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

SCHEMA_VERSION = 1
MOST_OFFERED = 20
"""Products that a lesson lets the model choose from."""

MEANS = (
    "What does a shopper of a grocery shop mean by this query? "
    'Answer with JSON: {"intent": …, "entities": {…}}.\nQuery: '
)
CHOOSES = (
    "Which of these products does a shopper of a grocery shop choose after this query? "
    'Answer with JSON: {"sku": …}.\nQuery: '
)


def search_row(
    day: date,
    query: str,
    label: str,
    *,
    shown: list[str],
    clicked: list[str],
    added: list[str],
    bought: list[str],
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "day": day.isoformat(),
        "query": query,
        "intent": label,
        "shown": shown,
        "clicked": clicked,
        "added": added,
        "bought": bought,
    }


def intent_lesson(query: str, intent: str, entities: dict[str, Any]) -> dict[str, Any]:
    return lesson("intent", MEANS + query, {"intent": intent, "entities": entities})


def choice_lesson(query: str, offered: Sequence[tuple[str, str]], chosen: str) -> dict[str, Any]:
    """The products as JSON too: no name of one can end the list."""
    products = json([{"sku": sku, "name": name} for sku, name in offered])
    return lesson("product", f"{CHOOSES}{query}\nProducts: {products}", {"sku": chosen})


def lesson(task: str, asked: str, answer: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": json(answer)}]
    return {"schema_version": SCHEMA_VERSION, "task": task, "messages": messages}


def chosen(shown: list[str], clicked: list[str], added: list[str], bought: list[str]) -> str | None:
    """The product of the strongest sign, bought before added before clicked; of several the one shown first."""
    for skus in (bought, added, clicked):
        if found := next((sku for sku in shown[:MOST_OFFERED] if sku in skus), None):
            return found
    return None


def json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
