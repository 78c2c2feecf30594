"""Sinks as people call them."""

from django import template

from capture.cards import title_of

register = template.Library()


@register.filter
def sink_title(name: str) -> str:
    return title_of(name)
