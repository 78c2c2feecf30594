"""How tests call the API and make events."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.test import Client


@dataclass
class Api:
    """A caller of the API with one key."""

    key: str
    client: Client

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str) -> Any:
        """The answer to a POST; the body is JSON unless it is bytes already."""
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.post(path, data=data, content_type=content_type, headers=self._headers(headers))

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=self._headers(headers))

    def send(self, *events: dict[str, Any]) -> Any:
        """The verdict on a batch of events."""
        response = self.post("/api/v1/events", {"events": list(events)})
        assert response.status_code == 202, response.content
        return response.json()

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} | headers


def cart(**changes: Any) -> dict[str, Any]:
    """A valid cart event with an id of its own."""
    return {
        "event_type": "cart",
        "event_id": str(uuid4()),
        "action": "add",
        "product_id": "OATLY_001",
        "quantity": 2,
        "price": 5.99,
    } | changes


def search(**changes: Any) -> dict[str, Any]:
    return {"event_type": "search", "event_id": str(uuid4()), "query": "organic milk"} | changes


def order(**changes: Any) -> dict[str, Any]:
    items = [{"product_id": "OATLY_001", "quantity": 2, "price": 5.99, "category": "Dairy Alternatives"}]
    return {
        "event_type": "order",
        "event_id": str(uuid4()),
        "order_id": "order_789",
        "items": items,
        "total_value": 11.98,
    } | changes


def interaction(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "interaction",
        "event_id": str(uuid4()),
        "interaction_type": "product_click",
        "product_id": "OATLY_001",
        "position": 1,
        "context": {"from_search": "organic milk"},
    } | changes


def impression(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "recommendation_impression",
        "event_id": str(uuid4()),
        "surface": "home",
        "product_ids": ["OATLY_001", "BREAD_002"],
    } | changes


def one_of_each(**changes: Any) -> list[dict[str, Any]]:
    return [make(**changes) for make in (search, interaction, cart, order, impression)]
