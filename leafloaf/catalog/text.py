"""The Python twin of the SQL function `catalog_normalise`: what a query and a product must both go through.

The two agree on every text (tests/catalog/test_text.py), so a change here needs a migration of the function too.
Neither asks a locale, nor a Unicode table that differs between versions of Postgres or of Python:
capitals are folded by a table of our own, marks and separators are ranges of code points.
"""

import re
import unicodedata


def capitals() -> str:
    """Latin, Greek and Cyrillic capitals that canonical decomposition leaves whole."""
    letters = (chr(code) for code in range(0xC0, 0x530))
    whole = (letter for letter in letters if unicodedata.normalize("NFD", letter) == letter)
    return "".join(c for c in whole if len(c.lower()) == 1 and c.lower() != c)


# A stroke is no mark to Unicode, but people leave it out all the same.
STROKES = {"ø": "o", "ł": "l", "đ": "d", "ı": "i"}
LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss"}
APOSTROPHES = "\u2018\u2019\u02b9\u02bc\u2032\u00b4`"
FOLD = str.maketrans(
    {capital: (STROKES | LIGATURES).get(capital.lower(), capital.lower()) for capital in capitals()}
    | {capital: capital.lower() for capital in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    | STROKES
    | LIGATURES
    | dict.fromkeys(APOSTROPHES, "'")
)
# Beyond the basic plane are emoji, and letters that a grocery does not sell under.
ASTRAL = re.compile(r"[\U00010000-\U0010ffff]")
UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
MARKS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]")
SPACES = re.compile(r"[\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
ELISION = re.compile(r"(?<![a-z0-9])(c|d|j|l|m|n|s|t|qu|jusqu|lorsqu|puisqu)'(?=[aeiouyh])")
PERCENT = re.compile(r"([0-9]) ?%")
DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9]{1,2}(?![0-9]))")
SEPARATORS = re.compile(
    r"[\u0001-\u002d\u002f\u003a-\u0060\u007b-\u00bf\u00d7\u00f7\u02c2-\u02df\u2000-\u2bff\u2e00-\u2e7f"
    r"\u3000-\u3004\u3008-\u3020\u3030\u3036-\u303f\ud800-\uf8ff\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff]+"
)
STRAY_DOT = re.compile(r"(?<![0-9])\.|\.(?![0-9])")
UNITS = "mg|g|gr|kg|oz|lb|lbs|ml|cl|dl|l|gal|qt|pt|ct|pk|mm|cm|in|ft"
QUANTITY = re.compile(rf"(?<![^ ])([0-9.]+)({UNITS})(?![^ ])")


def normalise(text: str) -> str:
    """Words in lower case without marks, one space between: `L'huile d’Été, 2 %` gives `l huile d ete 2pct`."""
    text = unicodedata.normalize("NFD", UNSEEN.sub("", ASTRAL.sub(" ", text)))
    text = SPACES.sub(" ", MARKS.sub("", text).translate(FOLD))
    text = ELISION.sub(r"\1 ", text).replace("'", "")
    text = DECIMAL_COMMA.sub(".", PERCENT.sub(r"\1pct ", text))
    text = STRAY_DOT.sub(" ", SEPARATORS.sub(" ", text))
    return " ".join(filter(None, text.split(" ")))


def tokens(words: str) -> list[str]:
    """The words of a normalised text, a quantity apart from its unit: `500g` is two. Twin of `catalog_tokens`."""
    return [word for word in QUANTITY.sub(r"\1 \2", words).split(" ") if word]
