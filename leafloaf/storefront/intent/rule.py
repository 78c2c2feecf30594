"""What a rule is: a name, an intent, words one of which must be there, and patterns one of which must match.

Patterns see the words of a query normalised, words of command spelled right, politeness taken off (wording.py).
`unless` matches where the same words mean something else, mostly names of products: a grocery sells stain remover,
recipe boxes and thank-you cards, and a plain shop query must stay a search.
"""

import re
from dataclasses import dataclass

CART = (
    r"(?:(?:shopping |current |grocery |whole |entire )?"
    r"(?:cart|basket|trolley|order|bag|list|panier|commande|liste))"
)
OWN = r"(?:my|the|our|this|mon|ma|la|le|notre|cette)"
MY_CART = rf"(?:(?:{OWN} )?(?:cart|basket|panier|trolley)|{OWN} {CART})"
INTO = rf"(?:(?:to|in|into|on|onto|inside|au|a|dans|sur) {MY_CART})"
OUT_OF = rf"(?:(?:from|off|out of|off of|of|de|du) (?:{MY_CART}|there|here))"
IT = (
    r"(?:it|that|this|those|these|them|ca|cela|(?:that|this) one|everything|"
    "(?:the )?(?:first|second|third|fourth|last|other|same|cheapest|top) (?:one|two|item|"
    "product|thing|option|result))"
)
THE = r"(?:the|my|that|those|these|this|some|our|all|any|la|le|les|l|mes|mon|ma|du|des|de la|d)"
PAST = r"(?:last|previous|past|prior|recent|earlier)"


@dataclass(frozen=True, slots=True)
class Rule:
    """`confidence` is how sure a match makes us, 0 to 1."""

    name: str
    intent: str
    confidence: float
    cues: frozenset[str]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None

    def holds(self, words: str, present: frozenset[str]) -> bool:
        """Whether the rule speaks of these words; `present` are the same as a set."""
        if self.cues.isdisjoint(present) or not self.pattern.search(words):
            return False
        return not (self.unless and self.unless.search(words))


def rule(name: str, intent: str, confidence: float, cues: str, *patterns: str, unless: str = "") -> Rule:
    joined = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return Rule(
        name, intent, confidence, frozenset(cues.split()), joined, re.compile(unless) if unless else None
    )
