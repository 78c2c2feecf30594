"""Three outbox and job libraries, each delivering to nowhere; `fill` owes it events, `drain` delivers them."""

import asyncio
from typing import Any

from django.db import transaction
from django_outbox_pattern.factories import factory_producer
from django_outbox_pattern.models import Published
from jaiminho.models import Event as JaiminhoEvent
from jaiminho.relayer import EventRelayer
from jaiminho.send import save_to_outbox
from procrastinate import App, PsycopgConnector

from bench.capture.null import nothing


class OutboxPattern:
    """django-outbox-pattern, with the producer of its `publish` command."""

    name = "django-outbox-pattern 3.2.1, one sink"

    def __init__(self) -> None:
        self.producer = factory_producer()

    def fill(self, events: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            for event in events:
                Published.objects.create(destination="/topic/events", body=event)

    def drain(self) -> None:
        self.producer.publish_message_from_database()

    def left(self) -> int:
        return int(Published.objects.exclude(status=2).count())


class Jaiminho:
    """django-jaiminho, with the relayer of its `events_relay` command."""

    name = "django-jaiminho 2.2.1, one sink"

    def __init__(self) -> None:
        self.send = save_to_outbox(nothing)

    def fill(self, events: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            for event in events:
                self.send(event)

    def drain(self) -> None:
        EventRelayer().relay()

    def left(self) -> int:
        return int(JaiminhoEvent.objects.filter(sent_at=None).count())


class Procrastinate:
    """procrastinate, one worker with a pool of connections, a job an event."""

    name = "procrastinate 3.10, one sink"

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.app = App(connector=PsycopgConnector(conninfo=url))
        self.task = self.app.task(name="nothing")(nothing)
        self.loop.run_until_complete(self.app.open_async())
        self.loop.run_until_complete(self.app.schema_manager.apply_schema_async())

    def fill(self, events: list[dict[str, Any]]) -> None:
        self.loop.run_until_complete(self.task.batch_defer_async(*({"event": event} for event in events)))

    def drain(self) -> None:
        self.loop.run_until_complete(
            self.app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
        )

    def left(self) -> int:
        return len(list(self.loop.run_until_complete(self.app.job_manager.list_jobs_async(status="todo"))))

    def close(self) -> None:
        self.loop.run_until_complete(self.app.close_async())
        self.loop.close()
