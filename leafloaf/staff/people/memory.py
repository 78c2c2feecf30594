"""What is remembered of the person as entities and relationships, the graph that they can ask for themselves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest

from leafloaf.staff.people.pages import Visit
from personalization import person_graph
from personalization.graph import Entity, Graph, Relationship, TemporalPattern

A_PAGE = 50
PERSON = "The person"
WORDS = {"frequently_buys": "often buys", "prefers": "prefers", "bought_with": "bought with"}
REORDER_CYCLE = "reorder_cycle"


@dataclass(frozen=True)
class Line:
    """One relationship in words."""

    source: str
    said: str
    target: str
    details: Sequence[tuple[str, Any]]


def context(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    status, graph = person_graph.of(visit.person, visit.now)
    names = names_of(graph, str(visit.subject.pk))
    counts = Counter(one.relationship for one in graph.relationships)
    kinds = [(kind, said, counts[kind]) for kind, said in WORDS.items()]
    if graph.temporal_patterns:
        kinds.append((REORDER_CYCLE, "is due again", len(graph.temporal_patterns)))
    chosen = request.GET.get("show", "")
    lines = lines_of(graph, names, chosen if chosen in {kind for kind, *_ in kinds} else "")
    return {
        "status": status,
        "entities": Counter(one.entity_type for one in graph.entities).most_common(),
        "preferences": preferences(graph.entities),
        "kinds": kinds,
        "chosen": chosen,
        "page": Paginator(lines, A_PAGE).get_page(request.GET.get("page")),
    }


def names_of(graph: Graph, pseudonym: str) -> dict[str, str]:
    """What each entity is called; the person by no name."""
    names = {one.entity_id: name_of(one) for one in graph.entities}
    return names | {f"user:{pseudonym}": PERSON}


def name_of(entity: Entity) -> str:
    return str(entity.attributes.get("name") or entity.entity_id.partition(":")[2])


def preferences(entities: Sequence[Entity]) -> Mapping[str, Any]:
    """What the graph says of the person themselves."""
    found: dict[str, Any] = next(
        (one.attributes["preferences"] for one in entities if one.entity_type == "user"), {}
    )
    return {what.replace("_", " "): value for what, value in found.items()}


def lines_of(graph: Graph, names: Mapping[str, str], chosen: str) -> list[Line]:
    """Those of one kind, or all."""
    found = [line(one, names) for one in graph.relationships if chosen in {"", one.relationship}]
    if chosen in {"", REORDER_CYCLE}:
        found += [again(one, names) for one in graph.temporal_patterns]
    return found


def line(one: Relationship, names: Mapping[str, str]) -> Line:
    details = [(key.replace("_", " "), value) for key, value in one.properties.items()]
    return Line(
        names.get(one.source, one.source), WORDS[one.relationship], names.get(one.target, one.target), details
    )


def again(one: TemporalPattern, names: Mapping[str, str]) -> Line:
    details = [
        ("cycle days", one.cycle_days),
        ("confidence", one.confidence),
        ("next expected", one.next_expected),
    ]
    return Line(names.get(f"product:{one.product}", one.product), "is due again", "", details)
