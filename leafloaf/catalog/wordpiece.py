"""BERT's uncased WordPiece tokenizer: a text becomes numbers of a vocabulary, one token a number.

Words that the vocabulary lacks are cut into its longest pieces from the left. Nothing a shopper types is an
instruction: the text `[MASK]` is three tokens here, a bracket, a word and a bracket.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100  # characters; the model was trained with such words unknown
WORDS_REMEMBERED = 20_000

# Each ideograph is a word by itself.
IDEOGRAPH = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f]"
)
ASCII_MARKS = frozenset(r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~""")


class WordPiece:
    """Safe to share between threads."""

    def __init__(self, vocabulary: Path) -> None:
        words = vocabulary.read_text(encoding="utf-8").split("\n")
        self._ids = {word: number for number, word in enumerate(words) if word}
        self._unknown, self._first, self._last = (self._ids[word] for word in (UNKNOWN, FIRST, LAST))
        self._pieces = lru_cache(WORDS_REMEMBERED)(self._cut)

    def ids(self, text: str, longest: int) -> list[int]:
        """The tokens of a text between the two that begin and end it; at most `longest` in all."""
        tokens = [self._first]
        for word in words(text):
            tokens += self._pieces(word)
            if len(tokens) >= longest:
                break
        return [*tokens[: longest - 1], self._last]

    def _cut(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return [self._unknown]
        pieces: list[int] = []
        while word:
            end, piece = self._longest_piece(word, "##" if pieces else "")
            if not end:
                return [self._unknown]
            pieces.append(piece)
            word = word[end:]
        return pieces

    def _longest_piece(self, word: str, before: str) -> tuple[int, int]:
        for end in range(len(word), 0, -1):
            if (piece := self._ids.get(before + word[:end])) is not None:
                return end, piece
        return 0, self._unknown


def words(text: str) -> Iterator[str]:
    """Lower case without accents; a mark of punctuation is a word of its own."""
    text = "".join(filter(None, map(_cleaned, text)))
    text = unicodedata.normalize("NFD", IDEOGRAPH.sub(r" \g<0> ", text))
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Mn").lower()
    for chunk in text.split():
        yield from _apart(chunk)


def _cleaned(letter: str) -> str:
    if letter in "\t\n\r":
        return " "
    if letter == "\ufffd":
        return ""
    kind = unicodedata.category(letter)
    return "" if kind[0] == "C" else " " if kind[0] == "Z" else letter


def _apart(chunk: str) -> Iterator[str]:
    word = ""
    for letter in chunk:
        if letter in ASCII_MARKS or unicodedata.category(letter)[0] == "P":
            if word:
                yield word
            yield letter
            word = ""
        else:
            word += letter
    if word:
        yield word
