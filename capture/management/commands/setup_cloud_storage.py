"""`manage.py setup_cloud_storage`: makes the bucket, or brings its rules up to date; safe to run again."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from capture import sinks
from capture.sinks.base import Unavailable
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.cloud_storage_setup import set_up


class Command(BaseCommand):
    help = "Makes the bucket of the JSONL batches, with its lifecycle, without soft delete and versions."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CLOUD_STORAGE_ENABLED:
            raise CommandError(
                "Cloud Storage is off; set CLOUD_STORAGE_ENABLED=true and CLOUD_STORAGE_BUCKET."
            )
        sink = sinks.get("cloud_storage")
        assert isinstance(sink, CloudStorageSink)  # noqa: S101 (narrows the type)
        try:
            done = set_up(sink, settings.RAW_EVENT_RETENTION_DAYS)
        except Unavailable as error:
            raise CommandError(f"Cloud Storage does not let us: {error}") from error
        self.stdout.write(f"bucket {sink.bucket_name}: {done}")
