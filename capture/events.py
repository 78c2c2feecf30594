"""The event vocabulary, written once.

Request validation, BigQuery columns, JSONL fields, the OpenAPI document and docs/events.md are all derived from
these structs (`capture.schema`); nothing else in the project says what an event may hold. To add a field, add it
here as optional, raise `SCHEMA_VERSION`, and run `setup_bigquery`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

SCHEMA_VERSION = 1
INT64_MAX = 2**63 - 1

EventId = Annotated[str, Meta(min_length=1, max_length=64)]
Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
ProductId = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=256)]
Label = Annotated[str, Meta(max_length=128)]
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=INT64_MAX)]
Share = Annotated[float, Meta(ge=0, le=1)]
Object = dict[str, Any]


def described(description: str) -> Meta:
    return Meta(description=description)


class Event(
    msgspec.Struct,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="event_type",
    gc=False,  # what comes from JSON holds no cycles
):
    """The fields that every event may carry, beside those of its type."""

    event_id: Annotated[EventId, described("Idempotency key made by the client")] | UnsetType = UNSET
    timestamp: Annotated[Moment, described("When it happened, by the client's clock")] | UnsetType = UNSET
    sent_at: (
        Annotated[Moment, described("When it was sent, by the same clock; corrects a wrong clock")]
        | UnsetType
    ) = UNSET
    user_id: Annotated[Identifier, described("The shop's id of the user")] | None = None
    session_id: Annotated[Identifier, described("The shop's id of the visit")] | None = None
    channel: Annotated[
        Literal["web", "app", "voice", "server"] | None, described("Where the shopper was")
    ] = None
    metadata: Annotated[Object | None, described("Anything else worth keeping, at most 4 KiB")] = None


class Search(Event, tag="search"):
    """A product search, made here or elsewhere."""

    query: Annotated[Text, described("What was asked for")]
    intent: Annotated[Label | None, described("What the shopper meant to do")] = None
    confidence: Annotated[Share | None, described("How sure the intent is, 0 to 1")] = None
    results_count: Annotated[Count | None, described("Products found")] = None
    response_time_ms: Annotated[
        Annotated[float, Meta(ge=0)] | None, described("Time to the answer, milliseconds")
    ] = None
    alpha: Annotated[Share | None, described("0 keyword only to 1 semantic only")] = None
    categories: Annotated[
        Annotated[list[Text], Meta(max_length=100)] | None, described("Categories among the results")
    ] = None
    result_skus: Annotated[
        Annotated[list[ProductId], Meta(max_length=100)] | None, described("Products shown, best first")
    ] = None
    suppliers: Annotated[
        Annotated[list[Text], Meta(max_length=100)] | None, described("Suppliers among the results")
    ] = None
    filters: Annotated[Object | None, described("Filters that were set")] = None
    search_id: Annotated[Identifier | None, described("The search's own id, for clicks to refer to")] = None


class Interaction(Event, tag="interaction"):
    """A look at a product, a click on it, a note or a rating."""

    interaction_type: Annotated[
        Literal["product_view", "product_click", "add_to_list", "rating"], described("What was done")
    ]
    product_id: Annotated[ProductId, described("The product's SKU")]
    position: Annotated[Count | None, described("Place in the list it was shown in, from 1")] = None
    search_id: Annotated[Identifier | None, described("The search it followed")] = None
    rating: Annotated[Annotated[float, Meta(ge=0, le=5)] | None, described("Stars, 0 to 5")] = None
    product_name: Annotated[Text | None, described("The product's name as shown")] = None
    category: Annotated[Text | None, described("The product's category as shown")] = None
    brand: Annotated[Text | None, described("The product's brand as shown")] = None
    context: Annotated[Object | None, described("Where on the page or in which flow")] = None


class Cart(Event, tag="cart"):
    """A change of the cart."""

    action: Annotated[Literal["add", "remove", "update"], described("What was done to the cart")]
    product_id: Annotated[ProductId, described("The product's SKU")]
    quantity: Annotated[Decimal, described("Units added or removed, or the new quantity of an update")]
    price: Annotated[Decimal | None, described("Price of one unit then")] = None
    search_id: Annotated[Identifier | None, described("The search it followed")] = None
    position: Annotated[Count | None, described("Place in the list it was shown in, from 1")] = None

    def __post_init__(self) -> None:
        within_numeric(quantity=self.quantity, price=self.price)


class OrderItem(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One line of an order."""

    product_id: Annotated[ProductId, described("The product's SKU")]
    quantity: Annotated[Decimal, described("Units bought")]
    price: Annotated[Decimal | None, described("Price paid for one unit; null when not known")]
    category: Annotated[Text | None, described("The product's category")] = None

    def __post_init__(self) -> None:
        within_numeric(quantity=self.quantity, price=self.price)


class Order(Event, tag="order"):
    """A completed purchase."""

    order_id: Annotated[Identifier, described("The shop's number of the order")]
    items: Annotated[
        Annotated[list[OrderItem], Meta(min_length=1, max_length=500)], described("What was bought")
    ]
    total_value: Annotated[Decimal | None, described("What the order cost; null when not known")]
    discounts: Annotated[Any, described("Discounts applied, any JSON, at most 4 KiB")] = None
    delivery: Annotated[Any, described("How it was to be delivered, any JSON, at most 4 KiB")] = None
    currency: Annotated[
        Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None, described("ISO 4217 code of the prices")
    ] = None

    def __post_init__(self) -> None:
        within_numeric(total_value=self.total_value)


class RecommendationImpression(Event, tag="recommendation_impression"):
    """A list of recommendations that a shopper was shown."""

    surface: Annotated[Label, described("Where it was shown, such as home or cart")]
    product_ids: Annotated[
        Annotated[list[ProductId], Meta(min_length=1, max_length=100)], described("SKUs shown, first to last")
    ]
    algorithm: Annotated[Label | None, described("What chose them")] = None
    search_id: Annotated[Identifier | None, described("The search they came with")] = None
    positions: Annotated[
        Annotated[list[Count], Meta(max_length=100)] | None, described("Places, one for each SKU, from 1")
    ] = None


AnyEvent = Search | Interaction | Cart | Order | RecommendationImpression

TYPES: dict[str, type[Event]] = {
    "search": Search,
    "interaction": Interaction,
    "cart": Cart,
    "order": Order,
    "recommendation_impression": RecommendationImpression,
}
ENVELOPE = frozenset(field.name for field in msgspec.structs.fields(Event))
"""Fields of every event; those kept in columns of their own, and `sent_at`, are not part of the payload."""

LARGEST_NUMERIC = Decimal(10) ** 29
SMALLEST_STEP = -9


def within_numeric(**values: Decimal | None) -> None:
    """Refuses amounts that are negative or do not fit BigQuery's NUMERIC (29 digits before the point, 9 after).

    Raises:
        ValueError: naming the field.
    """
    for name, value in values.items():
        if value is None or is_short(value):
            continue
        if not value.is_finite() or value < 0 or value >= LARGEST_NUMERIC:
            raise ValueError(f"`{name}` must be a number from 0 to below 10^29")
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < SMALLEST_STEP:
            raise ValueError(f"`{name}` must have at most 9 decimal places")


def is_short(value: Decimal) -> bool:
    """Whether an amount surely fits, which nearly all do: at most ten characters, digits and a point."""
    text = str(value)
    return len(text) <= 10 and text.replace(".", "", 1).isdecimal()
