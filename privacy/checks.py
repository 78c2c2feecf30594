"""What privacy relies on in settings and models checks itself before anything is served; no database is asked."""

import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db.models import Field, Model
from django.utils.module_loading import import_string

from privacy.holders import BaseHolder

HINT = "A listener is a callable (subject_id, before, after); see privacy/consent.py."
HOLDER_HINT = "DATA_HOLDERS names classes that derive from BaseHolder in privacy/holders.py."
SINK_HINT = (
    "Write a holder that can export, erase and verify what the sink stored, and name it like the sink."
)
MODEL_HINT = (
    "Add the model to `models` of the holder that exports and erases its rows, or write a holder for it."
)
WORDS_HINT = (
    "QUERY_WORDS is a callable (words) that returns those of them that are nobody's secret, or empty."
)
OF_A_PERSON = frozenset({"subject", "subject_id", "user", "user_id", "session_id"})
"""How columns are called that say whose a row is."""


@checks.register
def listeners_can_be_called(**_: Any) -> list[checks.CheckMessage]:
    """Every path leads to a callable that takes what `consent.tell` gives it."""
    return [
        checks.Error(f"PRIVACY_LISTENERS: {path!r} {complaint}.", hint=HINT, id="privacy.E001")
        for path in settings.PRIVACY_LISTENERS
        if (complaint := _complaint(path, "subject_id", "before", "after"))
    ]


@checks.register
def holders_exist(**_: Any) -> list[checks.CheckMessage]:
    """Every path names a module that exists; the holders of Google's stores are slow to import."""
    return [
        checks.Error(f"DATA_HOLDERS: {path!r} does not exist.", hint=HOLDER_HINT, id="privacy.E006")
        for path in settings.DATA_HOLDERS.values()
        if not _is_there(path)
    ]


@checks.register(deploy=True)
def holders_are_usable(**_: Any) -> list[checks.CheckMessage]:
    """Every path leads to a holder that can do all that one must."""
    return [
        checks.Error(f"DATA_HOLDERS: {path!r} {complaint}.", hint=HOLDER_HINT, id="privacy.E002")
        for path in settings.DATA_HOLDERS.values()
        if isinstance(complaint := _holder(path), str)
    ]


@checks.register
def sinks_have_holders(**_: Any) -> list[checks.CheckMessage]:
    """What is copied to a store can be taken back from it."""
    return [
        checks.Error(
            f"SINKS: {name!r} is enabled, and no holder of that name is in DATA_HOLDERS.",
            hint=SINK_HINT,
            id="privacy.E003",
        )
        for name, sink in settings.SINKS.items()
        if sink["ENABLED"] and name not in settings.DATA_HOLDERS
    ]


@checks.register(deploy=True)
def models_have_holders(**_: Any) -> list[checks.CheckMessage]:
    """Every model that says whose its rows are is some holder's to export and to erase."""
    held = {label for path in settings.DATA_HOLDERS.values() for label in _models(path)}
    return [
        checks.Error(
            f"{model._meta.label} says in {name!r} whose a row is, and no data holder answers for it.",
            hint=MODEL_HINT,
            obj=model,
            id="privacy.E004",
        )
        for model, name in _of_people()
        if model._meta.label not in held
    ]


@checks.register
def query_words_can_be_asked(**_: Any) -> list[checks.CheckMessage]:
    """Who vouches for words of queries can be called."""
    path = settings.QUERY_WORDS
    complaint = _complaint(path, "words") if path else None
    if complaint is None:
        return []
    return [checks.Error(f"QUERY_WORDS: {path!r} {complaint}.", hint=WORDS_HINT, id="privacy.E005")]


def _complaint(path: str, *arguments: str) -> str | None:
    try:
        called = import_string(path)
    except ImportError as error:
        return f"cannot be imported: {error}"
    if not callable(called):
        return "cannot be called"
    try:
        inspect.signature(called).bind(*arguments)
    except TypeError:
        return f"does not take ({', '.join(arguments)})"
    return None


def _is_there(path: str) -> bool:
    try:
        return find_spec(path.rpartition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _holder(path: str) -> type[BaseHolder] | str:
    """The class, or what is wrong with it."""
    try:
        holder = import_string(path)
    except ImportError as error:
        return f"cannot be imported: {error}"
    if not isinstance(holder, type) or not issubclass(holder, BaseHolder):
        return "is no BaseHolder"
    if missing := sorted(holder.__abstractmethods__):
        return f"lacks {', '.join(missing)}"
    if missing := [name for name in ("store", "title") if not getattr(holder, name, "")]:
        return f"lacks {', '.join(missing)}"
    return holder


def _models(path: str) -> frozenset[str]:
    """What the holder answers for; nothing when it is none."""
    holder = _holder(path)
    return frozenset() if isinstance(holder, str) else holder.models


def _of_people() -> Iterator[tuple[type[Model], str]]:
    """The models with a column of a person, and the column. A key to an account of the staff is none."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if {field.name, field.column} & OF_A_PERSON and not _is_of_staff(field):
                yield model, field.column or field.name
                break


def _is_of_staff(field: Field[Any, Any]) -> bool:
    related = field.related_model
    return isinstance(related, type) and related._meta.label == settings.AUTH_USER_MODEL
