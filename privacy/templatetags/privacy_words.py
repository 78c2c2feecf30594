"""`{% say "settings.title" %}`: the words of the person's pages in the language of the page."""

from typing import Any

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from privacy import words

register = template.Library()


@register.simple_tag(takes_context=True)
def say(context: Context, key: str, **values: Any) -> SafeString:
    return words.say(context["language"], key, **values)
