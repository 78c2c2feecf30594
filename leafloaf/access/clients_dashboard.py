"""*API clients*: who calls, by which keys, and what to do about them. A bounded number of bounded queries."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from leafloaf.access import client_state, keys
from leafloaf.access.client_state import ClientState, ToDo
from leafloaf.access.models import ApiClient, ApiKey
from leafloaf.lib.headlines import Headline, Problem

SHOWN = 200
KEYS_SHOWN = 50
KEY_FIELDS = ("lookup", "created_at", "expires_at", "last_used_at", "revoked_at")
ONE_BY_ONE = 5
ROTATE, CHANGE, ADD = "access.rotate_apiclient", "access.change_apiclient", "access.add_apiclient"
SPEAK = "access.speak_for_users"
REMEDIES = {"rotate": "Rotate a key of", "revoke": "Revoke", "change": "Look at"}


class ApiClients:
    """The page; what is pressed on it are links to the pages of the client."""

    title = "API clients"
    slug = "api-clients"
    permission = "access.view_apiclient"
    template_name = "access/clients_dashboard.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        states = self._states
        return {
            "now": timezone.now(),
            "clients": [one for one in states if not one.is_revoked],
            "revoked": [one for one in states if one.is_revoked],
            "is_cut": len(states) >= SHOWN,
            "scopes": keys.SCOPES,
            "may_rotate": request.user.has_perm(ROTATE),
            "may_speak": request.user.has_perm(SPEAK),
            "may_change": request.user.has_perm(CHANGE),
            "may_add": request.user.has_perm(ADD),
        }

    @cached_property
    def _states(self) -> list[ClientState]:
        """Read once for the headline and the problems: there is a dashboard for each request."""
        return read(timezone.now())

    def problems(self, request: HttpRequest) -> list[Problem]:
        ailing = [one for one in self._states if one.to_do]
        if len(ailing) > ONE_BY_ONE:
            address = reverse("admin:dashboard", args=[self.slug])
            said = f"{len(ailing)} API clients have something to be done about them."
            return [Problem("degraded", said, None, "Open API clients", address)]
        return [problem(one, one.to_do[0], request) for one in ailing]

    def headline(self, request: HttpRequest) -> Headline:
        working = [one for one in self._states if not one.is_revoked]
        if not working:
            return Headline("unknown", "No client yet: nobody can call the API")
        count = f"{len(working)} client{'' if len(working) == 1 else 's'}"
        ailing = sum(bool(one.to_do) for one in working)
        if ailing:
            return Headline("degraded", f"{count}, {ailing} with something to do")
        return Headline("healthy", f"{count}, nothing to do")


def read(now: datetime) -> list[ClientState]:
    """The clients that work by name, then those that were revoked, the latest first; keys, the newest first."""
    found = ApiClient.objects.order_by(F("revoked_at").desc(nulls_first=True), "name")
    mine = ApiKey.objects.filter(client=OuterRef("pk")).order_by("-created_at")[:KEYS_SHOWN]
    told = mine.values(told=JSONObject(**{name: name for name in KEY_FIELDS}))
    read = found.annotate(known=ArraySubquery(told))[:SHOWN]
    return [client_state.of(client, [key_of(one) for one in client.known], now) for client in read]


def key_of(told: Mapping[str, Any]) -> ApiKey:
    """A key as JSON has it, in which moments are text."""
    moments = {name: told[name] and datetime.fromisoformat(told[name]) for name in KEY_FIELDS[1:]}
    return ApiKey(lookup=told["lookup"], **moments)


def problem(state: ClientState, to_do: ToDo, request: HttpRequest) -> Problem:
    """With a link to the page that does it, or to the client for who may only look."""
    is_shown_a_key = to_do.act == "rotate" and state.client.kind == ApiClient.Kind.SECRET
    may = request.user.has_perm(ROTATE) and (not is_shown_a_key or request.user.has_perm(SPEAK))
    act = to_do.act if may else "change"
    return Problem(
        "degraded",
        f"The API client {state.client.name} {to_do.sentence}.",
        to_do.since,
        f"{REMEDIES[act]} {state.client.name}",
        reverse(f"admin:access_apiclient_{act}", args=[state.client.pk]),
    )
