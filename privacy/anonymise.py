"""The text of a query without what leads to the person who wrote it.

Two steps. What has a shape (e-mail addresses, links, cards, IBANs, telephone and other long numbers, street numbers,
postal codes, references) becomes a mark such as `[email]`. Of the rest only words that somebody vouches for are kept:
those of the catalogue, say, or those that many shoppers used; every other word becomes `[word]`. Prices and amounts
with a unit ("2%", "12 ct", "500 ml") say something of products and are kept.

It errs on the side of the mark. Every pattern looks at a bounded stretch from a bounded number of places, so that no
text takes more than time in proportion to its length.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from leafloaf.lib import personal

LONGEST = 256
"""Characters of a query that are looked at; what comes after them is left out."""
LONGEST_WORD = 32
MOST_DIGITS = 4
"""A word with more digits is a number that somebody has, not one that a product is called by."""


class Mark(StrEnum):
    """What stands in the place of what was taken out."""

    EMAIL = "[email]"
    LINK = "[link]"
    IBAN = "[iban]"
    CARD = "[card]"
    PHONE = "[phone]"
    ADDRESS = "[address]"
    NUMBER = "[number]"
    WORD = "[word]"


@dataclass(frozen=True)
class Anonymised:
    """What is left of a query. `kept` and `lost` count its words and amounts; a mark is one lost word or more."""

    text: str
    kept: int
    lost: int

    @property
    def is_whole(self) -> bool:
        return self.lost == 0


# While the passes run a mark is one character of the private use area, which no pattern matches and no query has.
SIGNS = {mark: chr(0xE000 + place) for place, mark in enumerate(Mark)}
MARKS = {sign: mark for mark, sign in SIGNS.items()}
SIGN = f"[{SIGNS[Mark.EMAIL]}-{SIGNS[Mark.WORD]}]"

UNIT = (
    r"(?:%|(?:mg|g|gr|kg|oz|lbs?|ml|cl|dl|l|lt|litres?|liters?|gal|qt|pt|ct|count|pk|pks|pc|pcs|packs?|pieces?|paq|dz|"
    r"dozen|douzaines?|grams?|grammes?|kilos?|pounds?|livres?|ounces?|onces?|gallons?|quarts?|pints?|percent|mm|cm|pct|cal|kcal|iu)(?!\w))"
)
PRICE = (
    r"(?<!\w)[$€£] ?[0-9]{1,4}(?:[.,][0-9]{1,2})?(?![\w.,])"
    r"|(?<![\w.,])[0-9]{1,4}(?:[.,][0-9]{1,2})? ?[$€£](?!\w)"
)
AMOUNT = (
    rf"{PRICE}|(?<![\w.,])[0-9]{{1,4}}(?:[.,/\u2044][0-9]{{1,3}})?"
    rf"(?: ?[x×] ?[0-9]{{1,4}}(?:[.,][0-9]{{1,3}})?)? ?{UNIT}"
)
LETTERS = r"[^\W\d_]"

EMAIL = re.compile(r"(?<!\S)(?!@(?!\S))[^\s@]*+@\S*+")
DOMAINS = "com|ca|org|net|fr|io|co|uk|app|dev|info|biz|eu|qc|quebec|gov|edu|shop|store"
LINK = re.compile(
    r"(?<![a-z])(?:[a-z][a-z0-9+-]{1,12}://|www\.)\S*+"
    rf"|(?<![\w.-])\w[\w-]{{0,62}}+(?:\.[\w-]{{1,63}}+){{0,4}}?\.(?:{DOMAINS})(?![\w-])(?:[/:?#]\S*+)?",
    re.I,
)
IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30}", re.I)
LONG_NUMBER = re.compile(r"(?<!\d)[+(]{0,2}\d(?:[ .,/()_\u2010-\u2015-]{0,3}\d){6,}")
NUMBER = re.compile(r"(?<!\d)\d{5,}")
POSTAL_CODE = re.compile(r"(?<!\w)[a-ceghj-nprstvxy][0-9][a-ceghj-nprstv-z][ -]?[0-9][a-z][0-9](?!\w)", re.I)

STREETS = "street|avenue|ave|boulevard|blvd|crescent|cres|highway|hwy|parkway|pkwy"
MAYBE_STREETS = "st|str|road|rd|lane|ln|drive|dr|court|terrace|way|place|pl|square|sq"
RUES = "rue|avenue|boulevard|boul|blvd|bd|chemin|impasse|quai|rang|all[ée]e"
MAYBE_RUES = "route|place|square|cours|passage"
OF = "de|du|des|la|le|les|l|d|saint|sainte|st|ste|g[ée]n[ée]ral|docteur|dr|pr[ée]sident|[àa]"
HOUSE = rf"(?<![\w.,])\d{{1,5}}(?: ?(?:bis|ter|quater|[a-d]))?(?!\w)(?! ?{UNIT})"
NAMES = rf"(?:[ ,.]{{1,3}}{LETTERS}(?:{LETTERS}|['’-]){{0,24}}+){{1,3}}?"
ADDRESS = re.compile(
    rf"{HOUSE}{NAMES}[ ]{{1,3}}(?:{STREETS})(?!\w)"
    rf"|{HOUSE}[ ,]{{1,3}}(?:{RUES})(?!\w)(?:[ '’.-]{{1,3}}(?:{OF})(?!\w)){{0,4}}"
    rf"(?:[ '’.-]{{1,3}}{LETTERS}[\w'’-]{{0,30}}+)?"
    r"|(?<!\w)(?:apt|apartment|appartement|appt?|unit|suite|bureau|p\.?o\.? ?box|case postale|bo[iî]te postale|bp|cp|"
    rf"digicode|code|interphone|pin)[ .:#°-]{{0,4}}[a-z]?\d{{1,5}}[a-z]?(?!\w)(?! ?{UNIT})",
    re.I,
)
"""A house number with a street beside it, and doors, boxes and codes."""
HOUSE_NUMBER = re.compile(
    rf"{HOUSE}(?={NAMES}[ ]{{1,3}}(?:{MAYBE_STREETS})(?!\w)|[ ,]{{1,3}}(?:{MAYBE_RUES})(?!\w))", re.I
)
"""One where the street may as well be food ("2 milky way"): only the number goes."""
REFERENCE = re.compile(
    r"(?P<lead>(?<!\w)(?:order|commande|invoice|facture|tracking|suivi|reference|r[ée]f[ée]rence|ref|r[ée]f|ticket|receipt|"
    r"re[çc]u|confirmation|account|compte|client|customer|member|membre|carte|card|num[ée]ro|number|num|no|n°)"
    r"[ .:#-]{0,3}(?:(?:number|num[ée]ro|num|no|id|n°)[ .:#-]{0,3})?|#[ ]{0,2})"
    rf"(?P<code>\w[\w-]{{2,60}}+)(?! ?{UNIT})",
    re.I,
)
PIECE = re.compile(rf"(?P<sign>{SIGN})|(?P<amount>{AMOUNT})", re.I)
WORD = re.compile(r"[^\W_]+")


def anonymise(
    text: str, keeps: Callable[[str], bool], words: Callable[[str], Iterable[str]] | None = None
) -> Anonymised:
    """What may be told of a query.

    Args:
        keeps: whether a word is known to be no secret; asked of words of at most `LONGEST_WORD` characters.
        words: takes apart what is left between marks and amounts; `plain_words` unless said.
    """
    told: list[str] = []
    lost = 0
    for word in _said(_signed(text), keeps, words or plain_words):
        is_mark = isinstance(word, Mark)
        lost += is_mark
        if not (is_mark and told and told[-1] == word):
            told.append(word)
    return Anonymised(" ".join(told), sum(not isinstance(word, Mark) for word in told), lost)


def scrub(text: str) -> str:
    """The text with marks for what has a shape, and every other word as it was written."""
    signed = re.sub(rf"[^\S\n]*({SIGN})[^\S\n]*", r" \1 ", _signed(text))
    return "".join(MARKS.get(letter, letter) for letter in signed).strip()


def plain_words(text: str) -> list[str]:
    """Words in lower case."""
    return WORD.findall(text.lower())


def _said(signed: str, keeps: Callable[[str], bool], words: Callable[[str], Iterable[str]]) -> Iterable[str]:
    end = 0
    for piece in PIECE.finditer(signed):
        yield from _vouched(words(signed[end : piece.start()]), keeps)
        yield MARKS[piece[0]] if piece["sign"] else piece[0].replace("\u2044", "/").lower()
        end = piece.end()
    yield from _vouched(words(signed[end:]), keeps)


def _vouched(words: Iterable[str], keeps: Callable[[str], bool]) -> Iterable[str]:
    for word in words:
        digits = sum(letter.isdigit() for letter in word)
        if digits > MOST_DIGITS:
            yield Mark.NUMBER
        elif len(word) <= LONGEST_WORD and keeps(word):
            yield word
        else:
            yield Mark.NUMBER if digits == len(word) else Mark.WORD


def _signed(text: str) -> str:
    """The text in one form of each letter, with a sign for what has a shape."""
    text = _visible(text)
    text = EMAIL.sub(SIGNS[Mark.EMAIL], text)
    text = LINK.sub(SIGNS[Mark.LINK], text)
    text = _without_ibans(text)
    text = POSTAL_CODE.sub(SIGNS[Mark.ADDRESS], text)
    text = LONG_NUMBER.sub(lambda found: SIGNS[_kind_of(found[0])], text)
    text = NUMBER.sub(SIGNS[Mark.NUMBER], text)
    text = ADDRESS.sub(SIGNS[Mark.ADDRESS], text)
    text = HOUSE_NUMBER.sub(SIGNS[Mark.ADDRESS], text)
    return REFERENCE.sub(_referred, text)


def _visible(text: str) -> str:
    """Without what hides between letters; full-width digits and the like as the plain ones, spaces as spaces."""
    compatible = unicodedata.normalize("NFKC", text[:LONGEST])[:LONGEST]
    return "".join(
        " " if letter.isspace() or kind == "Cc" else letter
        for letter in compatible
        if (kind := unicodedata.category(letter)) not in {"Cf", "Co", "Cs", "Cn"}
    )


def _kind_of(number: str) -> Mark:
    digits = "".join(letter for letter in number if letter.isdigit())
    if personal.CARD.fullmatch(digits) and personal.passes_luhn(digits):
        return Mark.CARD
    is_phone = number.startswith(("+", "(")) or len(digits) in {7, 10, 11}
    return Mark.PHONE if is_phone and len(digits) <= 15 else Mark.NUMBER


def _referred(found: re.Match[str]) -> str:
    if sum(letter.isdigit() for letter in found["code"]) < 3:
        return found[0]
    return found["lead"] + SIGNS[Mark.NUMBER]


def _without_ibans(text: str) -> str:
    start = 0
    while found := IBAN.search(text, start):
        if length := iban_length(found[0], text[found.end() : found.end() + 1]):
            end = found.start() + length
            text = f"{text[: found.start()]}{SIGNS[Mark.IBAN]}{text[end:]}"
        start = found.start() + 1
    return text


def iban_length(candidate: str, after: str = "") -> int:
    """How many characters of the candidate are an IBAN (ISO 13616, check digits by ISO 7064 MOD 97-10); 0 for none.

    The first four characters count last, so their value is added to that of each stretch that ends with a word.
    """
    compact, value = 0, 0
    head = _digits(candidate[:4])
    best = 0
    for place in range(4, len(candidate)):
        letter = candidate[place]
        if letter not in " -":
            digits = _digits(letter)
            value = (value * 10 ** len(digits) + int(digits)) % 97
            compact += 1
        following = candidate[place + 1 : place + 2] or after
        if compact >= 11 and letter not in " -" and not (following.isascii() and following.isalnum()):
            best = place + 1 if int(f"{value}{head}") % 97 == 1 else best
    return best


def _digits(letters: str) -> str:
    return "".join(str(int(letter, 36)) for letter in letters)
