"""Whom a member of the staff wants to look at, and why."""

from django import forms

from privacy.lookups import LONGEST_REASON
from privacy.models import LookupReason

LONGEST_USER_ID = 128


class LookupForm(forms.Form):
    """Its template never writes the id back: it stands in no page."""

    user_id = forms.CharField(
        max_length=LONGEST_USER_ID, error_messages={"required": "Give the shop's id of the user."}
    )
    reason = forms.ChoiceField(
        choices=LookupReason.choices,
        error_messages={"required": "Say why: the person can see who looked at them, and for what reason."},
    )
    words = forms.CharField(required=False, max_length=LONGEST_REASON)


def said(reason: str, words: str) -> tuple[LookupReason, str]:
    """The usual reason and the words; a reason that is none of the usual ones is words."""
    if reason in LookupReason.values:
        return LookupReason(reason), words
    return LookupReason.OTHER, f"{reason} {words}".strip()
