"""The bucket of the JSONL batches and its rules."""

from google.api_core import exceptions

from capture.sinks.base import TIMEOUT_SECONDS
from capture.sinks.cloud_storage import AWAY, NEEDS_A_PERSON, CloudStorageSink, classified


def set_up(sink: CloudStorageSink, retention_days: int) -> str:
    """Makes the bucket or changes what differs; returns what was done.

    Soft delete and versions are off because an erased line must be gone when it is gone; the lifecycle deletes
    objects after the retention period. One that was rewritten is as old as the first of its name: it carries that
    time ("custom time"), for its age begins anew.

    Raises:
        Unavailable: the store does not answer or does not allow it.
    """
    try:
        bucket = sink.client.lookup_bucket(sink.bucket_name, timeout=TIMEOUT_SECONDS, retry=None)
        is_new = bucket is None
        if bucket is None:
            bucket = sink.client.bucket(sink.bucket_name)
        before = None if is_new else _rules(bucket)
        bucket.lifecycle_rules = [
            {"action": {"type": "Delete"}, "condition": {condition: retention_days}}
            for condition in ("age", "daysSinceCustomTime")
        ]
        bucket.soft_delete_policy.retention_duration_seconds = 0
        bucket.versioning_enabled = False
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        if is_new:
            bucket.create(location=sink.location or None, timeout=TIMEOUT_SECONDS, retry=None)
            return "created"
        if before == _rules(bucket):
            return "unchanged"
        bucket.patch(timeout=TIMEOUT_SECONDS, retry=None)
        return "brought up to date"
    except (*AWAY, *NEEDS_A_PERSON, exceptions.GoogleAPICallError) as error:
        raise classified(error) from error


def _rules(bucket: object) -> tuple[object, ...]:
    properties = bucket._properties  # type: ignore[attr-defined]
    soft_delete = properties.get("softDeletePolicy", {}).get("retentionDurationSeconds")
    access = properties.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled")
    lifecycle = repr(properties.get("lifecycle"))
    return (
        lifecycle,
        int(soft_delete or 0),
        bool(properties.get("versioning", {}).get("enabled")),
        bool(access),
    )
