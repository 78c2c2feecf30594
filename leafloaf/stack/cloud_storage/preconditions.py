"""Conditions a request puts on the state of its target.

Source: https://cloud.google.com/storage/docs/request-preconditions (Request preconditions) and the
parameter tables of the JSON API, e.g. https://cloud.google.com/storage/docs/json_api/v1/objects/insert.
An unmet `...Match` answers 412, an unmet `...NotMatch` answers 304.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from leafloaf.stack.http import ApiError, Request

UNMET = "At least one of the pre-conditions you specified did not hold."


def number(text: Any, name: str) -> int | None:
    """A parameter Google types as int64, which travels as text."""
    if text is None:
        return None
    try:
        return int(text)
    except (TypeError, ValueError) as error:
        raise ApiError(400, "invalidParameter", f"Invalid value for {name}: {text!r}") from error


@dataclasses.dataclass(frozen=True)
class Preconditions:
    """Numbers to compare with; `generation` 0 stands for "there is no live version"."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None
    etags: tuple[str, ...] = ()
    not_etags: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: Request, subject: str = "if") -> Self:
        """Those in the query; `subject` is "ifSource" for the source of a copy."""
        conditions = cls.parse({k: v[-1] for k, v in request.query.items()}, subject)
        if subject != "if":
            return conditions
        return dataclasses.replace(
            conditions,
            etags=_etags(request.headers.get("If-Match")),
            not_etags=_etags(request.headers.get("If-None-Match")),
        )

    @classmethod
    def parse(cls, values: Mapping[str, Any], subject: str = "if") -> Self:
        def read(name: str) -> int | None:
            return number(values.get(subject + name), subject + name)

        return cls(
            generation=read("GenerationMatch"),
            not_generation=read("GenerationNotMatch"),
            metageneration=read("MetagenerationMatch"),
            not_metageneration=read("MetagenerationNotMatch"),
        )

    def check(self, resource: Mapping[str, Any] | None) -> None:
        """Raise unless they hold for the target as it is; None is a target that does not exist."""
        generation = int(resource.get("generation", 0)) if resource else 0
        metageneration = int(resource["metageneration"]) if resource else 0
        etag = str(resource["etag"]) if resource else ""
        _must_equal(self.generation, generation)
        _must_equal(self.metageneration, metageneration)
        _must_differ(self.not_generation, generation)
        _must_differ(self.not_metageneration, metageneration)
        if self.etags and etag not in self.etags and not (resource and "*" in self.etags):
            raise _unmet("If-Match")
        if self.not_etags and (etag in self.not_etags or (resource and "*" in self.not_etags)):
            raise _unchanged()


def _must_equal(wanted: int | None, actual: int) -> None:
    if wanted is not None and wanted != actual:
        raise _unmet("If-Match")


def _must_differ(unwanted: int | None, actual: int) -> None:
    if unwanted is None:
        return
    if unwanted == actual:
        raise _unchanged()
    if actual == 0:  # "If no live object exists, the precondition fails."
        raise _unmet("If-None-Match")


def _unmet(header: str) -> ApiError:
    return ApiError(412, "conditionNotMet", UNMET, location=header, locationType="header")


def _unchanged() -> ApiError:
    return ApiError(304, "notModified", "Not Modified")


def _etags(header: str | None) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in header.split(",")) if header else ()
