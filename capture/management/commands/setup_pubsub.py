"""`manage.py setup_pubsub`: makes the topic of events, or brings it up to date; safe to run again."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from capture import sinks
from capture.sinks.base import BatchRefused, Unavailable


class Command(BaseCommand):
    help = "Makes the topic of events with its retention; with --subscription somebody to read it, and dead letters."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--subscription", default="", metavar="NAME", help="make this pull subscription, too"
        )

    def handle(self, *args: Any, subscription: str, **options: Any) -> None:
        if not settings.ENABLE_PUBSUB:
            raise CommandError("Pub/Sub is off; set ENABLE_PUBSUB=true and PUBSUB_PROJECT.")
        from capture.sinks import pubsub_retention
        from capture.sinks.pubsub import PubSubSink
        from capture.sinks.pubsub_setup import set_up

        sink = sinks.get("pubsub")
        assert isinstance(sink, PubSubSink)  # noqa: S101 (narrows the type)
        retention = timedelta(hours=float(settings.PUBSUB_RETENTION_HOURS))
        try:
            for line in set_up(sink, retention, subscription):
                self.stdout.write(line)
            for difference in pubsub_retention.differences(sink):
                self.stdout.write(str(difference))
        except (Unavailable, BatchRefused) as error:
            raise CommandError(f"Pub/Sub does not let us: {error}") from error
