"""A person with a mark in every field that the API accepts, who uses everything there is."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from leafloaf.catalog import loading
from privacy import lookups
from privacy.models import PrivacySettings, StaffAccess, Subject
from tests.calls import Api

EVENTS = "/api/v1/events"


@dataclass
class Canary:
    """Calls the API as one person; whatever it may say of itself, it says the mark."""

    api: Api
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    said: int = 0

    @property
    def mark(self) -> str:
        return self.secret.hex()

    @property
    def user_id(self) -> str:
        return f"user-{self.mark}"

    @property
    def session_id(self) -> str:
        return f"visit-{self.mark}"

    @property
    def subject_id(self) -> UUID:
        return Subject.objects.get(user_id=self.user_id).pk

    def event_id(self) -> str:
        """The mark itself as a UUID, then the mark with a number."""
        self.said += 1
        return str(UUID(bytes=self.secret)) if self.said == 1 else f"{self.mark}-{self.said}"

    def events(self, *, is_anonymous: bool = False, **changes: Any) -> list[dict[str, Any]]:
        """One of each type, every field filled."""
        mark = self.mark
        common = {
            "session_id": self.session_id,
            "channel": "web",
            "metadata": {f"k{mark}": [mark, {"deep": f"x {mark} y"}]},
        } | ({} if is_anonymous else {"user_id": self.user_id})
        own: list[dict[str, Any]] = [
            {
                "event_type": "search",
                "query": f"oat milk {mark}",
                "intent": mark,
                "confidence": 0.5,
                "results_count": 3,
                "response_time_ms": 1.5,
                "alpha": 0.3,
                "categories": [f"Shelf {mark}"],
                "result_skus": [f"sku-{mark}"],
                "suppliers": [f"Supplier {mark}"],
                "filters": {"brand": [mark]},
                "search_id": f"search-{mark}",
            },
            {
                "event_type": "interaction",
                "interaction_type": "product_click",
                "product_id": f"sku-{mark}",
                "position": 1,
                "search_id": f"search-{mark}",
                "product_name": f"Name {mark}",
                "category": f"Shelf {mark}",
                "brand": f"Brand {mark}",
                "context": {"from_search": mark},
            },
            {"event_type": "interaction", "interaction_type": "rating", "product_id": "sku-1", "rating": 5},
            {
                "event_type": "cart",
                "action": "add",
                "product_id": f"sku-{mark}",
                "quantity": 2,
                "price": 5.99,
                "search_id": f"search-{mark}",
                "position": 1,
            },
            {
                "event_type": "order",
                "order_id": f"order-{mark}",
                "items": [
                    {"product_id": f"sku-{mark}", "quantity": 2, "price": 5.99, "category": f"Shelf {mark}"},
                    {"product_id": "sku-1", "quantity": 1, "price": 1.5, "category": "Dairy"},
                ],
                "total_value": 13.48,
                "discounts": [{"code": mark}],
                "delivery": {"to": mark},
                "currency": "CAD",
            },
            {
                "event_type": "recommendation_impression",
                "surface": mark,
                "product_ids": [f"sku-{mark}"],
                "algorithm": mark,
                "search_id": f"search-{mark}",
                "positions": [1],
            },
        ]
        return [{"event_id": self.event_id()} | one | common | changes for one in own]

    def send(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        answer = self.api.post(EVENTS, {"events": events})
        assert answer.status_code == 202, answer.content
        verdict: dict[str, Any] = answer.json()
        return verdict

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call for this person, which may be refused, but must not fail."""
        answer = self.api.client.generic(
            method,
            path,
            data=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.api.key}", "X-User-Id": self.user_id},
        )
        assert answer.status_code < 500, (path, answer.status_code, answer.content[:500])
        return answer

    def uses_everything(self) -> None:
        """Before and after signing in, every event, every answer, every setting, and staff who look."""
        self.send(self.events(is_anonymous=True))
        self.send(self.events())
        self.call(
            "PATCH",
            "/api/v1/privacy/settings",
            {"features": {"price_tracking": True, "household_inference": True}},
        )
        self.send(self.events())
        self.searches()
        for path in (
            "profile",
            "graph",
            "recommendations",
            "reorder",
            "privacy/settings",
            "products/sku-1/complements",
        ):
            self.call("GET", f"/api/v1/{path}")
        self.call("POST", "/api/v1/recommendations/dismissals", {"sku": "sku-1"})
        self.call("POST", "/api/v1/privacy/exports")
        self.call("POST", "/api/v1/privacy/links")
        self.is_refused()
        self.orders_anonymously()
        self.is_looked_at()

    def searches(self) -> None:
        for query in ("oat milk", f"oat milk {self.mark}", f"{self.mark}"):
            said = {"query": query, "session_id": self.session_id, "explain": True}
            self.call("POST", "/api/v1/search", said)
            self.api.post("/api/v1/search", said)
        self.api.get(f"/api/v1/suggest?q={self.mark}")

    def is_refused(self) -> None:
        """Events that are wrong in every way that repeats what was said."""
        wrong: list[dict[str, Any]] = [
            {f"no_{self.mark}": self.mark},
            {"event_id": None},
            {"timestamp": self.mark},
            {"price": self.mark},
        ]
        verdict = self.send([one | bad for one, bad in zip(self.events(), wrong, strict=False)])
        assert len(verdict["rejected"]) == 4
        (again,) = self.events()[:1]
        self.send([again])
        self.send([again | {"query": "another"}])
        self.call("POST", "/api/v1/search", {"query": "x", "filters": {f"no_{self.mark}": self.mark}})
        self.call("PATCH", "/api/v1/privacy/settings", {f"no_{self.mark}": True})

    def orders_anonymously(self) -> None:
        self.call(
            "PATCH",
            "/api/v1/privacy/settings",
            {"features": {"purchase_history": False, "search_history": False}},
        )
        self.send(self.events())
        self.call(
            "PATCH",
            "/api/v1/privacy/settings",
            {"features": {"purchase_history": True, "search_history": True}},
        )

    def is_looked_at(self) -> None:
        olive = User.objects.get_or_create(username="olive", is_staff=True, is_superuser=True)[0]
        StaffAccess.objects.create(
            subject_id=self.subject_id, actor="olive", page="profile", reason="asked to"
        )
        lookups.open_for(self.user_id, "olive", "asked to")
        LogEntry.objects.create(
            user=olive,
            content_type=ContentType.objects.get_for_model(PrivacySettings),
            object_id=str(self.subject_id),
            object_repr=str(self.subject_id),
            action_flag=CHANGE,
        )

    def late_events(self) -> list[dict[str, Any]]:
        """What a queue of the shop may still hold: old, new, ahead, signed in or not, with ids known and new."""
        known = [{"event_id": str(UUID(bytes=self.secret))}, {"event_id": f"{self.mark}-2"}]
        return [
            *[one | {"timestamp": ahead(timedelta(minutes=4))} for one in self.events()],
            *[one | {"timestamp": ahead(-timedelta(days=2))} for one in self.events()],
            *self.events(),
            *self.events(is_anonymous=True),
            *[one | two for one, two in zip(self.events(), known, strict=False)],
        ]


def ahead(by: timedelta) -> str:
    return (timezone.now() + by).isoformat()


def shop() -> None:
    """A product that everybody may buy."""
    loading.load(["sku,name,brand,category,price", "sku-1,Oat milk,Oatly,Dairy,1.50"])
