"""Whether the live tables are as the vocabulary has them: compared now and then, stored, told to staff."""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from capture import notices, sinks
from capture.models import SchemaDrift
from capture.sinks.base import BatchRefused, Difference, Unavailable

logger = logging.getLogger(__name__)


class Unanswered(Exception):
    """Stores could not be asked; what was found of them before still stands.

    Attributes:
        found: where stores differ as far as is known, those that were asked and those that were not.
    """

    def __init__(self, said: str, found: Sequence[SchemaDrift] = ()) -> None:
        super().__init__(said)
        self.found = found


def run() -> list[SchemaDrift]:
    """Compares the tables of every sink that has some and is on; stores and returns where they differ.

    Raises:
        Unanswered: see there; every other sink was compared all the same.
    """
    found: list[SchemaDrift] = []
    failed: list[Unanswered] = []
    for name in filter(sinks.is_enabled, settings.SINKS):
        try:
            found += _of_sink(name)
        except Unanswered as error:
            failed.append(error)
            found += stored(name)
    _tell(found)
    if failed:
        raise Unanswered("; ".join(str(error) for error in failed), found) from failed[0].__cause__
    return found


def stored(name: str) -> list[SchemaDrift]:
    return list(SchemaDrift.objects.filter(sink=name).order_by("table", "column", "id"))


def _tell(found: Sequence[SchemaDrift]) -> None:
    drifting = {name: sum(drift.sink == name for drift in found) for name in settings.SINKS}
    sentences = [
        f"{name} differs from the vocabulary in {count} places; `manage.py check_schema` lists them."
        for name, count in drifting.items()
        if count
    ]
    notices.replace("schema", sentences)


def _of_sink(name: str) -> list[SchemaDrift]:
    try:
        found = sinks.get(name).differences(settings.RAW_EVENT_RETENTION_DAYS)
    except (Unavailable, BatchRefused) as error:
        raise Unanswered(f"{name} could not be asked: {error}") from error
    return store(name, found)


@transaction.atomic
def store(name: str, found: Sequence[Difference]) -> list[SchemaDrift]:
    """Makes these the differences of a sink; one that was there before keeps the moment it was found."""
    wanted = {(each.table, each.column, each.difference): each for each in found}
    before = SchemaDrift.objects.filter(sink=name)
    known = {(drift.table, drift.column, drift.difference): drift for drift in before}
    gone = [drift.pk for key, drift in known.items() if key not in wanted]
    SchemaDrift.objects.filter(pk__in=gone).delete()
    SchemaDrift.objects.bulk_create(
        (
            SchemaDrift(sink=name, table=table, column=column, difference=said, remedy=str(each.remedy))
            for (table, column, said), each in wanted.items()
            if (table, column, said) not in known
        ),
        ignore_conflicts=True,
    )
    if found:
        logger.error("%s differs from the vocabulary in %s places.", name, len(found))
    return stored(name)
