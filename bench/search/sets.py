"""Queries and what each should find. Fixed seeds: a catalogue gives the same ones every time."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.search import typing_errors

SEED = 20_261_121
LONGEST_QUERY = 256

Asked = tuple[str, Mapping[str, int]]
"""A query's text and the grade of each SKU that it should find."""


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    misspelt: str
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class QuerySet:
    """`name` is that of its table in the docs."""

    name: str
    title: str
    queries: Sequence[Query]


def source() -> random.Random:
    return random.Random(SEED)  # noqa: S311


def query_set(name: str, title: str, asked: Iterable[Asked]) -> QuerySet:
    """Each query beside the same with one typing error."""
    slips = source()
    cut = [(text[:LONGEST_QUERY], grades) for text, grades in asked]
    return QuerySet(
        name, title, [Query(text, typing_errors.one(text, slips), grades) for text, grades in cut]
    )
