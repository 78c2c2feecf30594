"""What an event says, in a few words for staff."""

from typing import Any


def products(event_type: str, payload: dict[str, Any]) -> list[str]:
    if event_type == "order":
        return [str(item.get("product_id")) for item in payload.get("items") or []]
    if event_type == "recommendation_impression":
        return [str(sku) for sku in payload.get("product_ids") or []]
    return [str(payload["product_id"])] if payload.get("product_id") else []


def sentence(event_type: str, payload: dict[str, Any]) -> str:
    """The event in a few words."""
    said = SENTENCES.get(event_type)
    return said(payload) if said else event_type.replace("_", " ").capitalize()


def _searched(payload: dict[str, Any]) -> str:
    query = payload.get("query")
    count = payload.get("results_count")
    found = "" if count is None else f", {count:,} result{'' if count == 1 else 's'}"
    return f"Searched “{query}”{found}" if query else f"Browsed without a query{found}"


INTERACTIONS = {
    "product_view": "Looked at",
    "product_click": "Clicked",
    "add_to_list": "Put on a list",
    "rating": "Rated",
}


def _interacted(payload: dict[str, Any]) -> str:
    did = INTERACTIONS.get(str(payload.get("interaction_type")), "Met")
    place = f", at place {payload['position']}" if payload.get("position") is not None else ""
    stars = f" with {payload['rating']} stars" if payload.get("rating") is not None else ""
    return f"{did} {payload.get('product_id')}{stars}{place}"


CARTS = {"add": "Put {} × {} into the cart", "remove": "Took {} × {} out of the cart"}


def _changed_cart(payload: dict[str, Any]) -> str:
    said = CARTS.get(str(payload.get("action")), "Changed the cart to {} × {}")
    return said.format(payload.get("quantity"), payload.get("product_id"))


def _ordered(payload: dict[str, Any]) -> str:
    count = len(payload.get("items") or [])
    total = payload.get("total_value")
    worth = f" for {total} {payload.get('currency') or ''}".rstrip() if total is not None else ""
    return f"Ordered {count} product{'' if count == 1 else 's'}{worth}"


def _was_shown(payload: dict[str, Any]) -> str:
    count = len(payload.get("product_ids") or [])
    return f"Was shown {count} recommendation{'' if count == 1 else 's'} ({payload.get('surface')})"


SENTENCES = {
    "search": _searched,
    "interaction": _interacted,
    "cart": _changed_cart,
    "order": _ordered,
    "recommendation_impression": _was_shown,
}
