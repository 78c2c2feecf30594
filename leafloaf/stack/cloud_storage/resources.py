"""The JSON of buckets and objects: defaults, what may be written, checksums, limits. No I/O.

Sources: https://cloud.google.com/storage/docs/json_api/v1/buckets (Buckets resource),
https://cloud.google.com/storage/docs/json_api/v1/objects (Objects resource).
"""

import base64
import dataclasses
import datetime as dt
import hashlib
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final

import google_crc32c

from leafloaf.stack.cloud_storage import lifecycle
from leafloaf.stack.http import ApiError

Resource = dict[str, Any]
Change = Callable[[Resource], Resource]

LIVE: Final = "live"
NONCURRENT: Final = "noncurrent"
SOFT_DELETED: Final = "soft_deleted"

_crc32c: Callable[[bytes], int] = google_crc32c.value

DAY_SECONDS = 86_400
# https://cloud.google.com/storage/docs/soft-delete: on by default, seven days; 0 or 7 to 90 days.
SOFT_DELETE_DEFAULT = 7 * DAY_SECONDS
SOFT_DELETE_LONGEST = 90 * DAY_SECONDS

# https://cloud.google.com/storage/quotas#objects (Quotas and limits: objects).
LARGEST_CUSTOM_METADATA = 8 * 1024

OBJECT_WRITABLE = {
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "metadata",
    "storageClass",
}
OBJECT_UNSUPPORTED = {"eventBasedHold", "temporaryHold", "retention", "kmsKeyName", "customerEncryption"}
BUCKET_WRITABLE = {
    "cors",
    "iamConfiguration",
    "labels",
    "lifecycle",
    "logging",
    "rpo",
    "softDeletePolicy",
    "storageClass",
    "versioning",
    "website",
}
BUCKET_UNSUPPORTED = {
    "autoclass",
    "defaultEventBasedHold",
    "encryption",
    "hierarchicalNamespace",
    "ipFilter",
    "retentionPolicy",
}


@dataclasses.dataclass(frozen=True)
class Version:
    """One generation of an object; `shown_as` is its path under `objects/` while it is live."""

    generation: int
    bucket: str
    name: str
    state: str
    shown_as: str
    resource: Resource

    @property
    def id(self) -> str:
        return f"{self.bucket}/{self.name}#{self.generation}"


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def etag(generation: int | str, metageneration: int | str) -> str:
    return base64.b64encode(f"{generation}/{metageneration}".encode()).decode()


def crc32c(data: bytes) -> str:
    return base64.b64encode(_crc32c(data).to_bytes(4, "big")).decode()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def check_hashes(data: bytes, expected: Mapping[str, Any]) -> None:
    """Refuse an upload whose sender computed another checksum than we did.

    https://cloud.google.com/storage/docs/data-validation (Data validation and change detection).
    """
    for field, label, compute in (("crc32c", "CRC32C", crc32c), ("md5Hash", "MD5 hash", md5)):
        given = expected.get(field)
        if given and given != (actual := compute(data)):
            message = f'Provided {label} "{given}" doesn\'t match calculated {label} "{actual}".'
            raise ApiError(400, "invalid", message)


def hashes_in(header: str | None) -> dict[str, str]:
    """The checksums of an `x-goog-hash` header: `crc32c=...,md5=...`."""
    pairs = (part.strip().partition("=") for part in (header or "").split(",") if part.strip())
    return {"md5Hash" if name == "md5" else name: value for name, _, value in pairs}


def writable(wanted: Mapping[str, Any]) -> Resource:
    """The part of a sent object resource that a client may decide."""
    _refuse(wanted, OBJECT_UNSUPPORTED)
    fields = {k: v for k, v in wanted.items() if k in OBJECT_WRITABLE}
    custom = fields.get("metadata")
    if custom is not None and not all(v is None or isinstance(v, str) for v in custom.values()):
        raise ApiError(400, "invalid", "Custom metadata values must be strings.")
    if custom and sum(len(f"{k}{v or ''}".encode()) for k, v in custom.items()) > LARGEST_CUSTOM_METADATA:
        raise ApiError(400, "invalid", "Custom metadata is limited to 8 KiB.")
    return fields


def content_fields(data: bytes) -> Resource:
    return {"size": str(len(data)), "md5Hash": md5(data), "crc32c": crc32c(data)}


def merged(resource: Mapping[str, Any], changes: Mapping[str, Any]) -> Resource:
    """Patch semantics: objects are merged, everything else replaced, and null removes.

    https://cloud.google.com/storage/docs/json_api#patch (Patch semantics).
    """
    result = dict(resource)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            kept = result.get(key)
            result[key] = merged(kept if isinstance(kept, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def touched(resource: Resource, now: dt.datetime) -> Resource:
    """After a change of metadata: the next metageneration."""
    metageneration = int(resource["metageneration"]) + 1
    return {
        **resource,
        "metageneration": str(metageneration),
        "updated": stamp(now),
        "etag": etag(resource.get("generation", 0), metageneration),
    }


def new_bucket(wanted: Mapping[str, Any], now: dt.datetime) -> Resource:
    location = str(wanted.get("location") or "US").upper()
    generation = str(int(now.timestamp() * 1_000_000))
    resource: Resource = {
        "kind": "storage#bucket",
        "id": wanted["name"],
        "name": wanted["name"],
        "projectNumber": "1",
        "generation": generation,
        "metageneration": "1",
        "etag": etag(generation, 1),
        "location": location,
        "locationType": "multi-region" if location in ("US", "EU", "ASIA") else "region",
        "storageClass": "STANDARD",
        "timeCreated": stamp(now),
        "updated": stamp(now),
        "iamConfiguration": {
            "bucketPolicyOnly": {"enabled": False},
            "uniformBucketLevelAccess": {"enabled": False},
            "publicAccessPrevention": "inherited",
        },
        "softDeletePolicy": {"retentionDurationSeconds": str(SOFT_DELETE_DEFAULT)},
    }
    return checked_bucket(merged(resource, bucket_changes(wanted)), now)


def bucket_changes(wanted: Mapping[str, Any]) -> Resource:
    _refuse(wanted, BUCKET_UNSUPPORTED)
    return {k: v for k, v in wanted.items() if k in BUCKET_WRITABLE}


def checked_bucket(resource: Resource, now: dt.datetime) -> Resource:
    """The bucket with its policies in Google's form, or ApiError 400."""
    lifecycle.check(resource.get("lifecycle") or {})
    policy = resource.get("softDeletePolicy") or {}
    try:
        seconds = int(policy.get("retentionDurationSeconds", SOFT_DELETE_DEFAULT))
    except (TypeError, ValueError) as error:
        raise ApiError(400, "invalid", "retentionDurationSeconds is not a number.") from error
    if seconds and not SOFT_DELETE_DEFAULT <= seconds <= SOFT_DELETE_LONGEST:
        raise ApiError(400, "invalid", "Soft delete retention must be 0, or between 7 and 90 days.")
    soft_delete = {"retentionDurationSeconds": str(seconds)}
    if seconds:
        soft_delete["effectiveTime"] = policy.get("effectiveTime") or stamp(now)
    return {**resource, "softDeletePolicy": soft_delete}


def retention_seconds(bucket: Mapping[str, Any]) -> int:
    return int(bucket["softDeletePolicy"]["retentionDurationSeconds"])


def keeps_versions(bucket: Mapping[str, Any]) -> bool:
    return bool((bucket.get("versioning") or {}).get("enabled"))


def shown_bucket(resource: Resource, url: str) -> Resource:
    return {**resource, "selfLink": f"{url}/storage/v1/b/{resource['name']}"}


def shown_object(resource: Resource, url: str) -> Resource:
    """The resource with the links that depend on how we were reached."""
    path = f"storage/v1/b/{resource['bucket']}/o/{urllib.parse.quote(resource['name'], safe='')}"
    media = f"{url}/download/{path}?generation={resource['generation']}&alt=media"
    return {**resource, "selfLink": f"{url}/{path}", "mediaLink": media}


def _refuse(wanted: Mapping[str, Any], unsupported: set[str]) -> None:
    """Silence about a feature we lack would let a test pass that fails at Google."""
    if asked := sorted(k for k in unsupported if wanted.get(k)):
        raise ApiError(501, "notImplemented", f"The stand-in does not know: {', '.join(asked)}")
