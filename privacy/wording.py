"""What a person is asked, in the words a consent record refers to by their version.

A version that somebody answered is never edited: other words are a new version, and `CURRENT` names it.
"""

from privacy.models import Purpose

CURRENT = "1"

WORDINGS: dict[str, dict[str, dict[str, str]]] = {
    "1": {
        Purpose.PERSONALIZATION: {
            "en": "Use what I do here to order results and suggest products for me.",
            "fr": "Utiliser ce que je fais ici pour classer les résultats et me suggérer des produits.",
        },
        Purpose.SEARCH_HISTORY: {
            "en": "Keep what I search for.",
            "fr": "Conserver mes recherches.",
        },
        Purpose.PURCHASE_HISTORY: {
            "en": "Keep what I buy, to remind me and to suggest products.",
            "fr": "Conserver mes achats, pour me faire des rappels et me suggérer des produits.",
        },
        Purpose.PRICE_TRACKING: {
            "en": "Work out from the prices I pay how much prices matter to me.",
            "fr": "Déduire des prix que je paie l'importance que les prix ont pour moi.",
        },
        Purpose.HOUSEHOLD_INFERENCE: {
            "en": "Work out from what I buy how my household eats and how large it is.",
            "fr": "Déduire de mes achats l'alimentation et la taille de mon ménage.",
        },
        Purpose.RETENTION: {
            "en": "Keep what I do here for at most this many days. "
            "At 90, what I bought is remembered for 180 days, to tell when I need it again.",
            "fr": "Conserver ce que je fais ici au plus ce nombre de jours. "
            "À 90, mes achats restent connus 180 jours, pour savoir quand j'en aurai encore besoin.",
        },
    }
}


def of(version: str, purpose: str, language: str = "en") -> str:
    """The words that were current under this version; none for a version nobody here knows."""
    return WORDINGS.get(version, {}).get(purpose, {}).get(language, "")
