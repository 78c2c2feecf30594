"""What staff fill in about API clients."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from leafloaf.access import clients, keys, origins
from leafloaf.access.models import ApiClient, ApiKey

CLIENT = "client"
NOT_YOURS = (
    "A secret key speaks for any user, and reads what is known of them. It takes the permission “Can make what speaks "
    "for any user”, which no role has: ask an administrator, or use `manage.py create_api_client` on the server."
)
OVERLAPS = {
    "now": (timedelta(0), "not at all: they are refused from now on"),
    "1h": (timedelta(hours=1), "for an hour"),
    "1d": (timedelta(days=1), "for a day"),
    "7d": (clients.OVERLAP, "for 7 days"),
    "30d": (timedelta(days=30), "for 30 days"),
}


class EndsOn(forms.DateField):
    """The UTC day from which on a new key is refused."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            label="Ends on",
            widget=forms.DateInput(attrs={"type": "date"}),
            help_text="From this day on (UTC) the new key is refused. Empty: it works until it is rotated or revoked.",
        )

    def clean(self, value: Any) -> datetime | None:
        day = super().clean(value)
        if not day:
            return None
        ends_at = datetime.combine(day, time(), UTC)
        if ends_at <= timezone.now():
            raise ValidationError("This day has begun already.")
        return ends_at


class ClientForm(forms.ModelForm[ApiClient]):
    """A new client, or what may be changed of one: a secret key's scopes, a publishable key's origins."""

    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(scope, f"{scope}: {about}") for scope, about in keys.SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="Of a secret key. A publishable one may search and send events, always and only.",
    )
    allowed_origins = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 60}),
        help_text="Of a publishable key: the web origins whose pages may use it, one per line, "
        "such as https://shop.example. A line of * allows every page there is.",
    )
    ends_on = EndsOn()
    may_speak_for_users = False

    class Meta:
        model = ApiClient
        fields = ("name", "kind", "scopes", "allowed_origins")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["allowed_origins"] = "\n".join(self.instance.allowed_origins)
        if self.is_of_a_client:
            of_other_kind = "allowed_origins" if self.instance.kind == ApiClient.Kind.SECRET else "scopes"
            for name in ("ends_on", of_other_kind):
                self.fields.pop(name, None)

    @property
    def is_of_a_client(self) -> bool:
        return not self.instance._state.adding

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = self.instance.kind if self.is_of_a_client else cleaned.get("kind")
        if kind == ApiClient.Kind.PUBLISHABLE:
            cleaned["scopes"] = sorted(keys.PUBLISHABLE_SCOPES)
        elif kind and not self.may_speak_for_users:
            self.add_error(None, NOT_YOURS)
        elif kind and not cleaned.get("scopes"):
            self.add_error("scopes", "Choose at least one scope.")
        try:
            cleaned["allowed_origins"] = origins.checked(
                kind or "", cleaned.get("allowed_origins", "").split()
            )
        except origins.BadOrigin as error:
            self.add_error("allowed_origins", str(error))
        return cleaned


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(
        label="The keys there are work on",
        choices=[(name, said) for name, (_, said) in OVERLAPS.items()],
        initial="7d",
        help_text="Put the new key in place meanwhile. One that ends sooner by itself still does.",
    )
    ends_on = EndsOn()

    def clean_overlap(self) -> timedelta:
        return OVERLAPS[self.cleaned_data["overlap"]][0]


class RevokeForm(forms.Form):
    """The client, or one of its keys; nothing is chosen beforehand."""

    what = forms.ChoiceField(label="What is revoked, for good", widget=forms.RadioSelect)

    def __init__(self, client: ApiClient, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = {str(key.pk): key for key in clients.working(client, timezone.now())}
        self.fields["what"].choices = [  # type: ignore[attr-defined]
            *((pk, f"the key that begins with {key.lookup}") for pk, key in self.keys.items()),
            (CLIENT, "the client: all its keys, and any later one"),
        ]

    def clean_what(self) -> ApiKey | None:
        return self.keys.get(self.cleaned_data["what"])
