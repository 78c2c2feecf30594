"""What in free JSON has the shape of an e-mail address, a telephone or a card number, replaced by a mark.

`anonymise` is for what somebody typed into a search and errs on the side of the mark. This is for what a shop sends
along with an event, where dates, codes and identifiers must survive. Other personal data a shop must not send there.
"""

import json
import re

from leafloaf.lib import personal
from privacy.anonymise import Mark

ENDS = r"\s,;:=<>()\[\]\"'"
EMAIL = re.compile(rf"(?<![^{ENDS}])[^{ENDS}@]++@(?=[^{ENDS}]*[^\W\d_])[^{ENDS}]++")
CARD = re.compile(r"(?<![\w.])[0-9](?:[ -]?[0-9]){12,18}(?!\w)")
PHONE = re.compile(
    r"(?<![\w+(.-])(?:"
    r"(?:\+?1[ .-]?)?\(?[2-9][0-9]{2}\)?[ .-]{0,2}[2-9][0-9]{2}[ .-]?[0-9]{4}"  # North America
    r"|\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,4}\)?){2,5}"
    r"|0[1-9](?:[ .-]?[0-9]{2}){4}"  # France
    r")(?![\w-])"
)
SUSPECT = re.compile(
    r"@|(?<![0-9])(?<![0-9]-)(?!(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})[0-9][0-9 .()-]{6,}[0-9]"
)
"""What anything of the above has in it: looked for first, for nearly nothing has. A date is not."""
LITERAL = re.compile(r'"(?:[^"\\]++|\\.)*+"|[0-9.eE+-]{13,}')
"""A string of JSON, a key too, or a long number."""


def is_suspect(text: str) -> bool:
    """Whether there may be anything to replace."""
    return SUSPECT.search(text) is not None


def without(document: str) -> str:
    """The JSON text with marks, and otherwise as it was; its strings are looked at one by one, however deep."""
    return LITERAL.sub(_told, document)


def scrubbed(text: str) -> str:
    """The text with marks."""
    if not is_suspect(text):
        return text
    text = EMAIL.sub(Mark.EMAIL, text)
    return PHONE.sub(Mark.PHONE, CARD.sub(_card, text))


def _told(found: re.Match[str]) -> str:
    literal = found[0]
    if not literal.startswith('"'):
        return json.dumps(str(Mark.CARD)) if _is_card(literal) else literal
    if "\\" not in literal and not is_suspect(literal):
        return literal
    said = json.loads(literal)
    told = scrubbed(said)
    return literal if told == said else json.dumps(told, ensure_ascii=False)


def _card(found: re.Match[str]) -> str:
    return Mark.CARD if _is_card(found[0].replace(" ", "").replace("-", "")) else found[0]


def _is_card(digits: str) -> bool:
    return bool(personal.CARD.fullmatch(digits)) and personal.passes_luhn(digits)
