"""A shopper whose every word is a mark, and requests of every kind that say it, to every address there is."""

import http.client
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import uuid6
from django.urls import resolve

from leafloaf.access.keys import LOOKUP_LENGTH
from tests.access.matrix import routes
from tests.access.matrix.credentials import OWN_SESSION
from tests.access.matrix.policy import API, OPEN, PERSON, SUPERUSER, SUPPORT
from tests.access.matrix.world import World
from tests.flows import everywhere
from tests.flows.canary import Canary

Headers = dict[str, str]
CSRF = "c" * 32
LAST = ("leave", "logout", "delete", "deletion", "cancel", "end", "revoke", "rotate")
"""Words in the addresses of what ends something that the others need."""
SAID = ("q", "username", "password", "reason", "visit", "name", "otp_token", "event_id")
ENDED = {f"api/v1/privacy/deletion-requests/<uuid:request_id>/{act}" for act in ("cancel", "expedite")}
"""Of the world's request, which has its certificate, nothing more can be had but that."""
SECRETS = (
    "a secret key",
    "a publishable key",
    "a secret key, revoked",
    "the owner's user token",
    "a user token, expired",
)


@dataclass
class Marked:
    """Calls a web server; `asked` are the ids of its requests with what was answered."""

    port: int
    world: World
    canary: Canary
    asked: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.addresses = {route: self.world.address(route) for route in routes.found()}
        self.addresses["api/v1/suggest"] += f"?q={self.canary.mark}"

    def everywhere(self) -> None:
        """Every route, those last that end something."""
        found = sorted(routes.found(), key=lambda route: any(word in route for word in LAST))
        early = [route for route in found if not any(word in route for word in LAST)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self.route, early))
        for route in found[len(early) :]:
            self.route(route)

    def route(self, route: str) -> None:
        first, *others = self.credentials(route)
        for method in methods_of(route):
            self.call(route, method, self.addresses[route], first, self.body(route, method))
        for method in methods_of(route)[:1]:
            self.call(route, method, self.wrong(route), first, self.body(route, method))
            for headers in others:
                self.call(route, method, self.addresses[route], headers, self.body(route, method))
        self.call(route, "POST", self.addresses[route], {}, b'{"query": "' + self.canary.mark.encode())
        self.call(route, f"X{self.canary.mark}", self.addresses[route], {}, None)

    def wrong(self, route: str) -> str:
        """The same address with the mark in it wherever something may stand, and in its query string."""
        address = self.addresses[route]
        for value in filter(None, self.world.values.values()):
            address = address.replace(f"/{value}", f"/{self.canary.mark}")
        said = dict.fromkeys(("q", "token", "user_id", "session_id", "next", "subject"), self.canary.mark)
        return f"{address.partition('?')[0]}?{urlencode(said)}&key={quote(self.canary.user_id)}"

    def credentials(self, route: str) -> Iterator[Headers]:
        user = {"X-User-Id": self.canary.user_id}
        keys, tokens, cookies = self.world.keys, self.world.tokens, self.world.cookies
        if route in API:
            yield bearer(keys["a secret key"]) | user
            yield bearer(tokens["the owner's user token"])
            yield bearer(keys["a publishable key"]) | user
            yield bearer(keys["a secret key, revoked"]) | user
            yield bearer(tokens["a user token, expired"])
            yield bearer(f"sk_{self.canary.mark}")
            yield bearer(f"{self.canary.mark}.{self.canary.mark}.{self.canary.mark}")
        elif route in PERSON or route in OPEN:
            yield cookie(cookies[OWN_SESSION])
            yield cookie(dict.fromkeys(cookies[OWN_SESSION], self.canary.mark))
        else:
            yield cookie(cookies[SUPPORT if "lookup_id" in route else SUPERUSER])
            yield cookie(dict.fromkeys(cookies[SUPERUSER], self.canary.mark))

    def body(self, route: str, method: str) -> bytes | None:
        if method in {"GET", "DELETE", "HEAD"}:
            return None
        said: dict[str, Any] = dict.fromkeys(SAID, self.canary.mark)
        said |= {"user_id": self.canary.user_id, "session_id": self.canary.session_id}
        if route not in API:
            return urlencode(said | {"token": self.canary.mark, "action": self.canary.mark}).encode()
        if route == "api/v1/search":
            said = {"query": f"oat milk {self.canary.mark}", "session_id": self.canary.session_id}
        elif route == "api/v1/events":
            said = {"events": [*self.canary.events(), {"event_type": self.canary.mark, "user_id": 1}]}
        elif route == "api/v1/recommendations/dismissals":
            said = {"sku": f"sku-{self.canary.mark}"}
        elif route.startswith("api/v1/privacy"):
            said = {}
        return json.dumps(said).encode()

    def call(self, route: str, method: str, address: str, headers: Headers, body: bytes | None) -> int:
        request_id = str(uuid6.uuid7())
        kind = "application/json" if route in API else "application/x-www-form-urlencoded"
        common = {"X-Request-Id": request_id, "Content-Type": kind, "User-Agent": self.canary.mark}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, quote(address, safe="/?=&%^$().*|"), body, common | headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        assert answer.headers["X-Request-Id"] == request_id, (route, method, answer.status)
        self.asked[request_id] = (route, method, answer.status)
        return answer.status

    def never_answered(self) -> set[str]:
        """Routes of the API of which nothing was got but refusals."""
        got = {route for route, method, status in self.asked.values() if status < 400 and method != "OPTIONS"}
        return set(API) - got - ENDED

    def patterns(self) -> set[str]:
        """The routes as the log names them: pages that share a pattern share it there too."""
        paths = [address.partition("?")[0] for address in self.addresses.values()]
        return {resolve(path).route or "/" for path in paths}

    def spellings(self) -> set[bytes]:
        """Every mark and secret, in every spelling in which it may have been written."""
        secrets = [self.world.keys[name][LOOKUP_LENGTH:] for name in SECRETS if name in self.world.keys]
        secrets += [self.world.tokens[name] for name in SECRETS if name in self.world.tokens]
        secrets += [token.rpartition(".")[2] for token in secrets if "." in token]
        secrets += [
            value for sent in self.world.cookies.values() for value in sent.values() if len(value) > 20
        ]
        return everywhere.spellings(self.canary.secret) | spelt(secrets) | {b"oat milk"}


def spelt(texts: Iterable[str]) -> set[bytes]:
    return {
        one
        for text in texts
        for one in (
            text.encode(),
            quote(text, safe="").encode(),
            text.encode().hex().encode(),
            *everywhere.in_base64(text.encode()),
        )
    }


def methods_of(route: str) -> tuple[str, ...]:
    if route in API:
        return (*API[route].methods, "OPTIONS")
    return ("GET", "POST")


def bearer(credential: str) -> Headers:
    return {"Authorization": f"Bearer {credential}"}


def cookie(cookies: dict[str, str]) -> Headers:
    """With a token against forgery, so that forms are read."""
    said = cookies | {"csrftoken": CSRF}
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in said.items()),
        "X-CSRFToken": CSRF,
    }
