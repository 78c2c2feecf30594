"""Global Privacy Control: what a browser says for its person with `Sec-GPC: 1`, by the W3C draft of that name."""

from typing import Any, Protocol


class HasHeaders(Protocol):
    """A request of Django or of REST framework."""

    @property
    def headers(self) -> Any: ...


def is_on(request: HasHeaders) -> bool:
    """Whether this request may be neither personalised nor used for a profile, whatever the person's settings say.

    The one place that decides it. Only the exact value counts; the draft gives no other a meaning.
    """
    return bool(request.headers.get("Sec-GPC") == "1")
