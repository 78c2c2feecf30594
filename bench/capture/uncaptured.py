"""The shop's web application without the recording of searches: what a search costs without capture."""

from types import SimpleNamespace
from typing import Any

from leafloaf.wsgi import application

from leafloaf.storefront import answers  # isort: skip (needs the loaded apps)

__all__ = ["application"]


def record_nothing(*_: Any) -> None:
    return


setattr(answers, "ingest", SimpleNamespace(record=record_nothing))  # noqa: B010 (it is not the module's to export)
