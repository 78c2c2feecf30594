"""What words that the catalogue does not know may mean: a misspelling, a beginning, two words written as one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from leafloaf.catalog import spelling, synonyms, vocabulary
from leafloaf.catalog.slots import Slot
from leafloaf.catalog.spelling import Alternative
from leafloaf.catalog.vocabulary import Vocabulary, Word

MOST_DOUBTS = 6
"""Of so many words of a query at most; a text of nothing but unknown words is no misspelt query."""
RARE = 2
"""A word that no more products have may be a misspelling of a word that `COMMONER` times as many have."""
COMMONER = 10
KNOWN_TRUST, LEAST_TRUST = 0.6, 0.1
COST_FALL = 0.25
"""What an alternative's factor loses for each unit of cost above the best alternative's."""
BEGINNINGS = 8
SHORTEST_BEGINNING = 3
SHORTEST_PART, LONGEST_JOINED = 3, 40


def settle(slots: list[Slot], asked: Vocabulary) -> dict[str, str]:
    """Gives unknown words the words that may be meant; those that are two words written as one, and the two."""
    apart: dict[str, str] = {}
    unknown = [
        slot for slot in slots if asked.products(slot.word) <= RARE and not slot.others and slot.weight == 1.0
    ]
    for slot in unknown[:MOST_DOUBTS]:
        others = spelling.likeliest(_alternatives(slot.word, asked, is_last=slot is slots[-1]))
        if others and others[0].origin == "compound":
            at = slots.index(slot)
            slots[at : at + 1] = _split(slot, others[0].words)
            apart[slot.word] = " ".join(others[0].words)
        else:
            slot.others += _trusted(others, KNOWN_TRUST if asked.products(slot.word) else 1.0)
    return apart


def with_synonyms(words: Sequence[str], misspelt: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Misspelt words and what each means, where that has synonyms: by itself, or with the words beside it.

    `misspelt` are the words with their likely spellings, the likeliest first. Beside other words any of them may be
    meant: *sprign onions* are spring onions, *saumon tumé* is saumon fumé.
    """
    if not misspelt:
        return {}
    stems = vocabulary.stems([*words, *(each for others in misspelt.values() for each in others)])
    likeliest = [stems[misspelt[word][0] if word in misspelt else word] for word in words]
    phrases = {
        (word, other): set(_phrases_with(at, [*likeliest[:at], stems[other], *likeliest[at + 1 :]]))
        for at, word in enumerate(words)
        for other in misspelt.get(word, ())
    }
    having = synonyms.having(set().union(*phrases.values()))
    meant: dict[str, str] = {}
    longest = dict.fromkeys(misspelt, 0)
    for (word, other), several in phrases.items():
        length = max((phrase.count(" ") + 1 for phrase in several & having), default=0)
        is_likeliest = other == misspelt[word][0]
        if length > longest[word] and (length > 1 or is_likeliest):
            meant[word], longest[word] = other, length
    return meant


def _phrases_with(at: int, stems: Sequence[str]) -> Iterator[str]:
    """The phrases that have the word at a place."""
    for start in range(max(0, at - synonyms.LONGEST_PHRASE + 1), at + 1):
        for stop in range(at + 1, min(start + synonyms.LONGEST_PHRASE, len(stems)) + 1):
            yield " ".join(stems[start:stop])


def commoner(word: str, products: int) -> list[Word]:
    """Words one typing error away from a known word that are much commoner."""
    near = {
        each.word: each for each in vocabulary.alike(word, 1) if each.products >= COMMONER * max(1, products)
    }
    likely = spelling.likeliest(
        spelling.misspelt(word, [(each.word, each.products) for each in near.values()], 1)
    )
    return [near[each.words[0]] for each in likely]


def _alternatives(word: str, asked: Vocabulary, *, is_last: bool) -> Iterator[Alternative]:
    """What the word may stand for; a rare word only for much commoner ones."""
    least = COMMONER * asked.products(word)
    if errors := spelling.errors_allowed(word):
        near = [(each.word, each.products) for each in vocabulary.alike(word, errors)]
        yield from spelling.misspelt(word, [pair for pair in near if pair[1] >= least], errors)
    if len(word) >= SHORTEST_BEGINNING and not least:
        begun = [(each.word, each.products) for each in vocabulary.beginning(word, BEGINNINGS)]
        yield from spelling.unfinished(word, [pair for pair in begun if pair[0] != word], is_last=is_last)
    if 2 * SHORTEST_PART <= len(word) <= LONGEST_JOINED and word.isalpha():
        yield from _joined(word, max(least, RARE))


def _joined(word: str, least: int) -> Iterator[Alternative]:
    cuts = [(word[:at], word[at:]) for at in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)]
    parts = vocabulary.known(part for cut in cuts for part in cut)
    for cut in cuts:
        if (products := min(map(parts.products, cut))) > least:
            yield spelling.joined(cut, products)


def _trusted(others: list[Alternative], trust: float) -> Iterator[tuple[str, float, str]]:
    """The single words, with less trust the more they cost beyond the best."""
    for each in others:
        if len(each.words) == 1:
            fall = COST_FALL * (each.cost - others[0].cost)
            yield each.words[0], trust * max(LEAST_TRUST, 1 - fall), each.origin


def _split(slot: Slot, parts: tuple[str, ...]) -> Iterable[Slot]:
    for part, is_head in zip(parts, (False, slot.is_head), strict=True):
        yield replace(slot, word=part, is_head=is_head, others=[(slot.word, 1.0, "compound")])
