"""The words of product names, as the query sets take them; no engine's analysis is used for it."""

import re

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SHORTEST = 3
FILLER_WORDS = "and for from with without the des les aux avec pour sans pack per"
FILLERS = frozenset(FILLER_WORDS.split())


def telling(name: str) -> list[str]:
    """The words that say something, in order, each once."""
    found = (word.lower() for word in WORD.findall(name))
    return list(dict.fromkeys(word for word in found if len(word) >= SHORTEST and word not in FILLERS))


def stem(word: str) -> str:
    """Singular and plural as one, roughly."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("oes"):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def stems(name: str) -> frozenset[str]:
    return frozenset(stem(word) for word in telling(name))
