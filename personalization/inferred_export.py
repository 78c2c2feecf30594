"""What is inferred of a person, for their export: nothing of it is stored, so it is worked out then and there."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from django.utils import timezone

from personalization import person_graph, profiles
from personalization.signals import people


def rows(user_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What `GET /api/v1/profile` and `GET /api/v1/graph` would answer, one row each."""
    person, now = people.known(user_id), timezone.now()
    profile = profiles.of(person, now, with_evidence=True)
    yield "profile", {field.name: getattr(profile, field.name) for field in fields(profile)}
    status, graph = person_graph.of(person, now)
    yield "graph", {"status": status} | {field.name: getattr(graph, field.name) for field in fields(graph)}
