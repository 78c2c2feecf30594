"""How tests call the settings of a user, and read what they are answered."""

import json
from typing import Any

from tests.calls import Api

SETTINGS = "/api/v1/privacy/settings"
DEFAULTS = {
    "personalization_enabled": True,
    "data_retention_days": 90,
    "features": {
        "search_history": True,
        "purchase_history": True,
        "price_tracking": False,
        "household_inference": False,
    },
}


def get(api: Api, user_id: str = "user_1", **headers: str) -> Any:
    return api.get(SETTINGS, **{"X-User-Id": user_id}, **headers)


def patch(api: Api, body: Any, user_id: str | None = "user_1", **headers: str) -> Any:
    """The answer to a PATCH; the body is JSON unless it is bytes already."""
    return api.client.patch(
        SETTINGS,
        data=body if isinstance(body, bytes) else json.dumps(body),
        content_type="application/json",
        headers={
            "Authorization": f"Bearer {api.key}",
            **({"X-User-Id": user_id} if user_id else {}),
            **headers,
        },
    )


def problem(answer: Any) -> dict[str, Any]:
    """An error as who gets it reads it; each request has an id of its own."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}
