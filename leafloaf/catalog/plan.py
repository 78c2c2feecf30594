"""How a query is looked for: groups of terms, of which a product should have one each.

A group is what one word of the query may be found by: its stem, its synonyms, the words it may be a misspelling or the
beginning of, the compound it is a part of. The best term of a group counts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from leafloaf.catalog import doubts, shelves, slots, spelling, synonyms, vocabulary
from leafloaf.catalog.slots import FILLERS, Slot
from leafloaf.catalog.text import normalise, tokens
from leafloaf.catalog.vocabulary import Vocabulary

__all__ = ["FILLERS", "Group", "Plan", "Term", "doubted", "make"]

LONGEST_QUERY = 256
MOST_WORDS = 16
"""A query of more words that mean something is cut; each costs a probe of the index."""
LONGEST_BRAND = 4
HEAD_FACTOR = 1.2
BRAND_FACTOR = 0.3
"""A whole brand gives this much of what its words give by how telling they are."""


@dataclass(frozen=True, slots=True)
class Term:
    """One way to find a group: the term of `word`; `origin` says how the planner came to it."""

    term: str
    word: str
    factor: float
    origin: str
    products: int = 0

    @property
    def is_head(self) -> bool:
        """Whether it finds only products whose head noun this is."""
        return self.term.startswith("^")


@dataclass(frozen=True, slots=True)
class Group:
    """`products` is how many products the commonest of the terms has that mean the word by themselves."""

    label: str
    weight: float
    terms: tuple[Term, ...]
    products: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`words` are those of the normalised query, `meant` the query in the likeliest spelling.

    `apart` are words that were taken for others before anything was looked for: two words written as one, and
    misspelt words that have synonyms. `shelves` are the categories that are called what is asked for.
    """

    words: tuple[str, ...] = ()
    meant: str = ""
    groups: tuple[Group, ...] = ()
    brands: tuple[Term, ...] = ()
    apart: Mapping[str, str] = field(default_factory=dict)
    shelves: tuple[int, ...] = ()
    size: int = 0

    def idf(self, group: Group) -> float:
        return vocabulary.idf(group.products, self.size)


def make(query: str) -> Plan:
    """The plan of a query; one without groups finds nothing, or everything when the query is blank."""
    words = tokens(normalise(query[:LONGEST_QUERY]))[: 2 * MOST_WORDS]
    if not words:
        return Plan()
    accented = slots.accented(query[:LONGEST_QUERY])
    plan, misspelt = _planned(words, accented)
    corrected = doubts.with_synonyms(words, misspelt)
    if not corrected:
        return plan
    again, _ = _planned([corrected.get(word, word) for word in words], accented)
    if _missing(again) > _missing(plan):
        return plan
    return replace(again, words=tuple(words), apart={**again.apart, **corrected})


def doubted(plan: Plan) -> Plan | None:
    """The plan of a query no product has all the words of, as if its words were misspelt; None if none can be."""
    groups = tuple(_doubted(group) for group in plan.groups)
    return replace(plan, groups=groups) if groups != plan.groups else None


def _planned(words: list[str], accented: Collection[str]) -> tuple[Plan, dict[str, list[str]]]:
    """The plan of the words, and those of them that no product has, each with its likely spellings."""
    joined = [a + b for a, b in pairwise(words)]
    asked = vocabulary.known([*words, *joined, *(f"@{name}" for name in _phrases(words))])
    replaced = synonyms.of([asked.words[word].term for word in words])
    asked = _merged(asked, [word for each in replaced for phrase in each.replacements for word in phrase])
    wanted = slots.of(words, replaced, asked, accented)[:MOST_WORDS]
    apart = doubts.settle(wanted, asked)
    slots.weigh_purposes(wanted)
    asked = _merged(asked, [word for slot in wanted for word in _every_word(slot)])
    spelt = {
        slot.word: [word for word, _, origin in slot.others if origin == "spelling"]
        for slot in wanted
        if slot.others and slot.others[0][2] == "spelling"
    }
    likeliest = {word: others[0] for word, others in spelt.items()}
    meant = " ".join((apart | likeliest).get(word, word) for word in words)
    groups = tuple(_group(slot, asked) for slot in wanted)
    plan = Plan(
        words=tuple(words),
        meant=meant,
        groups=groups,
        brands=_brands(words, asked),
        apart=apart,
        shelves=_shelves(wanted, groups),
        size=asked.size,
    )
    return plan, {word: others for word, others in spelt.items() if not asked.products(word)}


def _shelves(wanted: Sequence[Slot], groups: Sequence[Group]) -> tuple[int, ...]:
    """The shelves that are called as the whole query is, but for quantities and what the thing is for.

    More words than a shelf has in its name ask for something else than what it is full of: almond milk.
    """
    said = [
        group
        for slot, group in zip(wanted, groups, strict=True)
        if group.weight > slots.QUANTITY_WEIGHT and not slot.is_purpose
    ]
    if not said:
        return ()
    alone = said[0].terms if len(said) == 1 else ()
    return shelves.named(
        [group.terms[0].term for group in said], {term.term for term in alone if not term.is_head}
    )


def _missing(plan: Plan) -> int:
    """How many of its groups no product has."""
    return sum(not group.products for group in plan.groups)


def _merged(asked: Vocabulary, words: list[str]) -> Vocabulary:
    unknown = [word for word in words if word not in asked.words]
    if not unknown:
        return asked
    more = vocabulary.known(unknown)
    return Vocabulary(asked.words | more.words, max(asked.size, more.size))


def _every_word(slot: Slot) -> list[str]:
    return [slot.word, *(word for word, _, _ in slot.others)]


def _group(slot: Slot, asked: Vocabulary) -> Group:
    terms: dict[str, Term] = {}
    for word, factor, origin in [(slot.word, slot.factor, "word"), *slot.others]:
        known = asked.words[word]
        better = terms.get(known.term)
        if (known.products or origin == "word") and (better is None or better.factor < factor):
            terms[known.term] = Term(known.term, word, factor, origin, known.products)
    heads = [replace(t, term=f"^{t.term}", factor=t.factor * HEAD_FACTOR, products=0) for t in terms.values()]
    alone = [slot.word, *(word for word, _, _ in slot.others if word not in slot.in_phrase)]
    products = max(map(asked.products, alone)) or max(map(asked.products, _every_word(slot)))
    return Group(slot.word, slot.weight, (*terms.values(), *(heads if slot.is_head else ())), products)


def _doubted(group: Group) -> Group:
    """Words one error away that are much commoner, beside the word itself."""
    word = group.label
    if len(group.terms) > 2 or group.weight < 1.0 or len(word) < spelling.SHORTEST:
        return group
    others = doubts.commoner(word, group.products)
    known = {each.word: each for each in others}
    known[word] = vocabulary.Word(word, group.terms[0].term, group.products)
    slot = Slot(word, group.weight, any(term.is_head for term in group.terms))
    slot.others += [(each.word, doubts.KNOWN_TRUST, "spelling") for each in others]
    return _group(slot, Vocabulary(known, 0)) if others else group


def _phrases(words: list[str]) -> list[str]:
    return [
        " ".join(words[start:stop])
        for start in range(len(words))
        for stop in range(start + 1, min(start + LONGEST_BRAND, len(words)) + 1)
    ]


def _brands(words: list[str], asked: Vocabulary) -> tuple[Term, ...]:
    """The brands that the query names in full, the longest first; no brand inside another one."""
    named: list[str] = []
    for name in sorted(set(_phrases(words)), key=lambda name: -len(name.split())):
        if asked.products(f"@{name}") and not any(f" {name} " in f" {longer} " for longer in named):
            named.append(name)
    return tuple(Term(f"@{name}", name, _telling(name, asked), "brand") for name in named)


def _telling(brand: str, asked: Vocabulary) -> float:
    return BRAND_FACTOR * sum(
        vocabulary.idf(asked.products(word), asked.size) for word in brand.split() if word in asked.words
    )
