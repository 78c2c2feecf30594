"""What the person's pages say, in each language; the words of a consent are in `privacy.wording`.

One dictionary a language, and no compiled catalogues: a fresh machine has no gettext. A test holds them equal.
"""

from datetime import datetime

from django.utils import formats, timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString

from privacy.words import english, french

WORDS: dict[str, dict[str, str]] = {"en": english.WORDS, "fr": french.WORDS}
DEFAULT = "en"


def say(language: str, key: str, **values: object) -> SafeString:
    """The sentence of this key as HTML: times become `<time>`, whole numbers are grouped, all else is escaped.

    With `n` among the values, the sentence is `<key>.one` or `<key>.many` by the language's own plural.
    """
    if "n" in values:
        key += ".one" if is_one(language, values["n"]) else ".many"
    sentence = WORDS[language][key]
    if not values:
        return SafeString(sentence)
    return format_html(sentence, **{name: shown(language, value) for name, value in values.items()})


def is_one(language: str, number: object) -> bool:
    return number == 1 or (language == "fr" and number == 0)


def shown(language: str, value: object) -> object:
    if isinstance(value, datetime):
        return moment(language, value)
    if isinstance(value, int) and not isinstance(value, bool):
        with translation.override(language):
            return formats.number_format(value, use_l10n=True, force_grouping=True)
    return value


def moment(language: str, at: datetime) -> SafeString:
    """A point in time in words, and for machines."""
    with translation.override(language):
        text = formats.date_format(timezone.localtime(at), WORDS[language]["moment"])
    return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), text)
