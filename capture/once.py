"""What several parts of one page ask for, read once a request."""

from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from django.http import HttpRequest

Found = TypeVar("Found")
_found: WeakKeyDictionary[HttpRequest, dict[Callable[[], Any], Any]] = WeakKeyDictionary()


def once(request: HttpRequest, read: Callable[[], Found]) -> Found:
    """What the function returns, called the first time that this request asks."""
    kept = _found.setdefault(request, {})
    if read not in kept:
        kept[read] = read()
    return cast("Found", kept[read])
