"""What a person fills in on their pages. Their labels and errors are in `privacy.words`."""

from typing import Any

from django import forms

from privacy import words


class SettingsForm(forms.Form):
    """The settings, all at once."""

    personalization_enabled = forms.BooleanField(required=False)
    search_history = forms.BooleanField(required=False)
    purchase_history = forms.BooleanField(required=False)
    price_tracking = forms.BooleanField(required=False)
    household_inference = forms.BooleanField(required=False)
    data_retention_days = forms.IntegerField(min_value=1, max_value=90)

    def __init__(self, language: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        complain(self, "data_retention_days", words.say(language, "settings.days.error"))


class DeletionForm(forms.Form):
    """The wish to be erased, and for how long it may be taken back."""

    DAYS = tuple(range(8))

    wait = forms.TypedChoiceField(coerce=int, choices=[(str(days), days) for days in DAYS])
    sure = forms.BooleanField()

    def __init__(self, language: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        complain(self, "wait", words.say(language, "deletion.wait.error"))
        complain(self, "sure", words.say(language, "deletion.sure.error"))


def complain(form: forms.Form, name: str, sentence: str) -> None:
    """Says the same of a field whatever is wrong with it."""
    field = form.fields[name]
    field.error_messages = dict.fromkeys(field.error_messages, sentence)
    for validator in field.validators:
        validator.message = sentence  # type: ignore[attr-defined]
