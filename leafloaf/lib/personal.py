"""Identifiers that are personal data in disguise: an id that is an e-mail address or a card number is no pseudonym."""

import re

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
CARD = re.compile(
    r"4\d{12}|4\d{15}|4\d{18}"  # Visa
    r"|5[1-5]\d{14}|2[2-7]\d{14}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|6(?:011|5\d\d)\d{12}"  # Discover
)
"""Issuers' first digits and lengths (ISO/IEC 7812); without them every tenth long number would pass the check digit."""


def kind_of(identifier: str) -> str | None:
    """What personal data an identifier looks like; None for one that looks like an identifier."""
    if "@" in identifier and EMAIL.fullmatch(identifier):
        return "an e-mail address"
    digits = identifier.replace(" ", "").replace("-", "")
    if digits.isdecimal() and CARD.fullmatch(digits) and passes_luhn(digits):
        return "a card number"
    return None


def passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 annex B."""
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0
