"""One slip of the fingers in a query, drawn from a seeded source."""

import random
from collections.abc import Callable

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SHORTEST_WORD = 4


def beside(rows: tuple[str, ...] = ROWS) -> dict[str, str]:
    """The letters to the left and right of each on an English keyboard, and those above and below."""
    found = {}
    for row, letters in enumerate(rows):
        for place, letter in enumerate(letters):
            near = letters[max(0, place - 1) : place] + letters[place + 1 : place + 2]
            near += rows[row - 1][place : place + 2] if row else ""
            near += rows[row + 1][max(0, place - 1) : place + 1] if row + 1 < len(rows) else ""
            found[letter] = near
    return found


BESIDE = beside()


def one(text: str, source: random.Random) -> str:
    """The text with one error in one word of four letters or more; the text itself when it has no such word."""
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if len(word) >= SHORTEST_WORD and word.isalpha()]
    if not places:
        return text
    place = source.choice(places)
    words[place] = slipped(words[place], source)
    return " ".join(words)


def slipped(word: str, source: random.Random) -> str:
    """Another word than the one given, whatever was drawn first."""
    while (wrong := source.choice(KINDS)(word, source)) == word:
        pass
    return wrong


def neighbour(word: str, source: random.Random) -> str:
    place = source.randrange(len(word))
    near = BESIDE.get(word[place].lower())
    return word[:place] + source.choice(near) + word[place + 1 :] if near else word


def transposition(word: str, source: random.Random) -> str:
    place = source.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def omission(word: str, source: random.Random) -> str:
    place = source.randrange(len(word))
    return word[:place] + word[place + 1 :]


def doubling(word: str, source: random.Random) -> str:
    place = source.randrange(len(word))
    return word[:place] + word[place] + word[place:]


KINDS: tuple[Callable[[str, random.Random], str], ...] = (neighbour, transposition, omission, doubling)
