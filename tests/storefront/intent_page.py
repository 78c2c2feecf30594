"""Writes docs/intent.md from the rules and the labelled sets: `python -m tests.storefront`."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leafloaf.storefront import intent
from leafloaf.storefront.intent import known, model

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "intent.md"
UTTERANCES = HERE / "utterances"
DEMO = ROOT / "leafloaf" / "catalog" / "demo" / "catalogue.csv"


TRAINED_ON = [UTTERANCES / "tune.csv", UTTERANCES / "paraphrases.csv"]
NUMBERS = {"quantity", "price_min", "price_max"}


@dataclass(frozen=True)
class Utterance:
    """A labelled sentence; `words` is what search should be asked for, when that is not the whole sentence."""

    text: str
    intent: str
    kind: str
    entities: dict[str, Any]
    words: str | None
    acts: list[tuple[str, dict[str, Any]]]


def read(name: str) -> list[Utterance]:
    rows = csv.DictReader((UTTERANCES / f"{name}.csv").read_text().splitlines())
    return [utterance(row) for row in rows]


def utterance(row: dict[str, str]) -> Utterance:
    entities = labelled(row["entities"])
    words = entities.pop("words", None)
    steps = [step.split(": ", 1) for step in row["acts"].split(" + ") if step]
    acts = [(name, labelled(text)) for name, text in steps]
    return Utterance(row["text"], row["intent"], row["kind"], entities, words, acts)


def labelled(text: str) -> dict[str, Any]:
    """`product=milk; quantity=2` as entities are answered."""
    pairs = [pair.strip().split("=", 1) for pair in text.split(";") if pair.strip()]
    return {name: value_of(name, value) for name, value in pairs}


def value_of(name: str, value: str) -> Any:
    if name in NUMBERS:
        return float(value)
    return value.split(",") if name == "dietary" else value


def demo_names() -> known.Known:
    """The names of the demo catalogue, read from its file."""
    rows = list(csv.DictReader(DEMO.read_text().splitlines()))
    marks = {mark for row in rows for mark in row["dietary"].split("|") if mark}
    return known.of_names({r["brand"] for r in rows if r["brand"]}, {r["category"] for r in rows}, marks)


@dataclass(frozen=True)
class Figures:
    """How a set was understood: by labelled and answered intent, and entities where the intent was right."""

    seen: Counter[tuple[str, str]]
    by_kind: dict[str, tuple[int, int]]
    entities: tuple[int, int]
    acts: tuple[int, int]

    @property
    def accuracy(self) -> float:
        right = sum(count for (label, answer), count in self.seen.items() if label == answer)
        return right / self.seen.total()


def measure(said: list[Utterance], names: known.Known) -> Figures:
    seen: Counter[tuple[str, str]] = Counter()
    kinds: dict[str, list[bool]] = {}
    entities: list[bool] = []
    acts: list[bool] = []
    for one in said:
        meant = intent.of(one.text, names)
        is_right = meant.name == one.intent
        seen[one.intent, meant.name] += 1
        kinds.setdefault(one.kind, []).append(is_right)
        if is_right and (one.entities or one.words or meant.entities):
            entities.append(meant.entities == one.entities and one.words in {None, meant.search_words})
        if is_right and one.acts:
            acts.append([(act.name, act.entities) for act in meant.acts] == one.acts)
    return Figures(seen, {kind: tally(right) for kind, right in kinds.items()}, tally(entities), tally(acts))


def tally(right: list[bool]) -> tuple[int, int]:
    return sum(right), len(right)


def share(counts: tuple[int, int]) -> str:
    return f"{counts[0]} of {counts[1]}"


def page() -> str:
    """The page as Markdown."""
    names = demo_names()
    figures = {name: measure(read(name), names) for name in ("tune", "held_out", "paraphrases")}
    template = (HERE / "intent_page.md").read_text()
    parts = {
        "rules": "\n".join(rules()),
        "figures": "\n".join(table(figures)),
        "matrix": "\n".join(matrix(figures["held_out"])),
        "weights": str(len(model.load().weights)),
        "size": str(round(model.WEIGHTS.stat().st_size / 1000)),
        "sure": str(model.SURE_ENOUGH),
        "very_sure": str(model.VERY_SURE),
    }
    for name, text in parts.items():
        template = template.replace(f"[[{name}]]", text)
    return template


def rules() -> Iterator[str]:
    yield "| | rule | intent | confidence |"
    yield "| ---: | --- | --- | ---: |"
    for at, rule in enumerate(intent.RULES, 1):
        yield f"| {at} | {rule.name} | {rule.intent} | {rule.confidence} |"


def table(figures: dict[str, Figures]) -> Iterator[str]:
    yield "| set | utterances | intent right | hard ones right | entities right | acts right |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, one in figures.items():
        hard = share(one.by_kind["hard"]) if "hard" in one.by_kind else "-"
        acts = share(one.acts) if one.acts[1] else "-"
        labelled_entities = share(one.entities) if name != "paraphrases" else "-"
        yield (
            f"| {name} | {one.seen.total()} | {one.accuracy:.3f} | {hard} | {labelled_entities} | {acts} |"
        )


def matrix(figures: Figures) -> Iterator[str]:
    yield "| label | " + " | ".join(intent.INTENTS) + " |"
    yield "| --- |" + " ---: |" * len(intent.INTENTS)
    for label in intent.INTENTS:
        row = [figures.seen[label, answer] for answer in intent.INTENTS]
        yield f"| {label} | " + " | ".join(str(count or "") for count in row) + " |"
