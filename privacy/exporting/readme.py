"""The texts in an export: what each file holds, what the person allows, and what is missing and why."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from privacy import consent, holders, wording
from privacy.consent import Consent
from privacy.exporting import french_files
from privacy.exporting.readme_words import WORDS

BY_ASKING = {"person", "exports"}
"""The files with a line of whoever asks, known before or not."""


@dataclass(frozen=True)
class Told:
    """What the readme is about.

    Attributes:
        holders: names of those that were asked.
        rows: how many rows each file has.
        left_out: how many rows of a file had no room.
        silent: holders that did not answer, and what their store said.
    """

    made_at: datetime
    holders: list[str]
    rows: dict[str, int]
    left_out: dict[str, int]
    silent: dict[str, str]
    consent: Consent


def files(told: Told) -> Iterator[tuple[str, str]]:
    """The readme in each language, as (path, text)."""
    for language, path in (("en", "README.txt"), ("fr", "README.fr.txt")):
        paragraphs = [*opening(told, language), *contents(told, language), *settings(told.consent, language)]
        yield path, "\n\n".join(paragraphs) + "\n"


def opening(told: Told, language: str) -> Iterator[str]:
    words = WORDS[language]
    yield words["title"]
    yield words["made"].format(at=told.made_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M"))
    if is_empty(told):
        yield words["nothing"]
    for name, said in told.silent.items():
        place = holders.get(name)
        yield words["silent"].format(title=place.title, store=place.store, said=said)
    for file, rows in told.left_out.items():
        yield words["left_out"].format(file=file, rows=rows)
    yield words["format"]


def contents(told: Told, language: str) -> Iterator[str]:
    """Each file with what stands in it, those that would be there but are empty after them."""
    words, described = WORDS[language], descriptions(told.holders, language)
    yield words["files"]
    for file, rows in told.rows.items():
        head = words["file"].format(file=file, rows=rows)
        yield f"{head}\n{described[file]}" if file in described else head
    if empty := [file for file in described if file not in told.rows]:
        yield words["empty"]
        yield "\n".join(f"{file}: {described[file]}" for file in empty)


def settings(allowed: Consent, language: str) -> Iterator[str]:
    words = WORDS[language]
    yield words["settings"]
    yield "\n".join(
        f"- {wording.of(wording.CURRENT, consent.PURPOSES[name], language)} {said(value, words)}"
        for name, value in asdict(allowed).items()
    )


def said(value: bool | int, words: dict[str, str]) -> str:
    if isinstance(value, bool):
        return words["yes" if value else "no"]
    return words["days"].format(days=value)


def descriptions(names: list[str], language: str) -> dict[str, str]:
    """What stands in each file: a holder's own words, or their translation if there is one."""
    translated = french_files.FILES if language == "fr" else {}
    inferred = {file: WORDS[language][file] for file in ("inferred/profile", "inferred/graph")}
    told = {file: text for name in names for file, text in holders.get(name).fields().items()}
    return {file: translated.get(file, text) for file, text in told.items()} | inferred


def is_empty(told: Told) -> bool:
    """Whether nothing is held but that the person asked."""
    return not told.silent and all(file in BY_ASKING or file.startswith("inferred/") for file in told.rows)
