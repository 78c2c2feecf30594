"""Objects: list, a page at a time.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list (Objects: list) and
https://cloud.google.com/storage/docs/listing-objects (List objects).
"""

import base64
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from leafloaf.stack.cloud_storage.objects import Store
from leafloaf.stack.cloud_storage.preconditions import number
from leafloaf.stack.cloud_storage.resources import LIVE, NONCURRENT, SOFT_DELETED, Version
from leafloaf.stack.http import ApiError, Request

LARGEST_PAGE = 1000
UNSUPPORTED = ("matchGlob", "includeFoldersAsPrefixes", "filter")
BEFORE_ALL = ("", -1)


@dataclasses.dataclass(frozen=True)
class Query:
    """What to list; `last` is the name and generation the page before ended with."""

    prefix: str
    delimiter: str
    start: str
    end: str | None
    states: tuple[str, ...]
    size: int
    last: tuple[str, int]
    with_trailing_delimiter: bool

    @classmethod
    def of(cls, request: Request) -> "Query":
        if asked := [name for name in UNSUPPORTED if request.arg(name)]:
            raise ApiError(501, "notImplemented", f"The stand-in does not know: {', '.join(asked)}")
        size = number(request.arg("maxResults"), "maxResults")
        if size is not None and size < 1:
            raise ApiError(400, "invalid", f"Invalid value for maxResults: {size}")
        prefix = request.arg("prefix") or ""
        return cls(
            prefix=prefix,
            delimiter=request.arg("delimiter") or "",
            start=max(prefix, request.arg("startOffset") or ""),
            end=request.arg("endOffset") or None,
            states=_states(request),
            size=min(size or LARGEST_PAGE, LARGEST_PAGE),
            last=_read_token(request.arg("pageToken")),
            with_trailing_delimiter=request.flag("includeTrailingDelimiter"),
        )

    def folder_of(self, name: str) -> str | None:
        """The part of a name up to the first delimiter after the prefix, when there is one."""
        if not self.delimiter:
            return None
        at = name.find(self.delimiter, len(self.prefix))
        return None if at < 0 else name[: at + len(self.delimiter)]


def page(store: Store, bucket: str, query: Query) -> dict[str, Any]:
    """`items` are Versions still; the caller turns them into JSON."""
    items: list[Version] = []
    folders: list[str] = []
    last = query.last
    for version in _in_range(store, bucket, query):
        folder = query.folder_of(version.name)
        is_new_folder = folder is not None and folder not in folders[-1:]
        is_item = folder is None or (query.with_trailing_delimiter and folder == version.name)
        taken, wanted = len(items) + len(folders), is_new_folder + is_item
        if wanted and taken and taken + wanted > query.size:
            return {"items": items, "prefixes": folders, "nextPageToken": _token(last)}
        if is_new_folder and folder is not None:
            folders.append(folder)
        if is_item:
            items.append(version)
        last = (version.name, version.generation)
    return {"items": items, "prefixes": folders}


def _in_range(store: Store, bucket: str, query: Query) -> Iterator[Version]:
    for version in store.after(bucket, query.states, query.start, query.last):
        if not version.name.startswith(query.prefix):
            return
        if query.end is not None and version.name >= query.end:
            return
        yield version


def _states(request: Request) -> tuple[str, ...]:
    if request.flag("versions") and request.flag("softDeleted"):
        raise ApiError(400, "invalid", "versions and softDeleted cannot both be true.")
    if request.flag("softDeleted"):
        return (SOFT_DELETED,)
    return (LIVE, NONCURRENT) if request.flag("versions") else (LIVE,)


def _token(last: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def _read_token(token: str | None) -> tuple[str, int]:
    if not token:
        return BEFORE_ALL
    try:
        name, generation = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise ApiError(400, "invalid", "Invalid page token.") from error
    return str(name), int(generation)
