"""A person in the log and in the settings, of whom the replica has all that the database has."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from pytest_django import Settings

from capture import events, ingest
from privacy import consent, subjects
from privacy.erasure import requests
from privacy.models import Actor, DeletionRequest
from tests.catalog.replica.conftest import Replica, copy, standby

__all__ = ["copy", "standby"]

WITHOUT = {
    "events": "capture.holders.log.EventLogHolder",
    "privacy": "privacy.own_holder.PrivacyHolder",
}
HOLDERS = WITHOUT | {"replica": "privacy.replica_holder.ReplicaHolder"}
VISIT = "visit-of-ann"


@dataclass
class Person:
    """Who is known to the shop under a name, and what the replica has of them, asked of itself."""

    copy: Replica
    name: str
    subject_id: UUID

    def rows(self) -> dict[str, int]:
        """By table, of those that the shop has."""
        of_them = {
            "privacy_subject": "id",
            "capture_event": "subject_id",
            "privacy_consentrecord": "subject_id",
        }
        found = {
            table: self._count(table, f"{column} = '{self.subject_id}'") for table, column in of_them.items()
        }
        return found | {"anonymous": self._count("capture_event", f"session_id = '{VISIT}'")}

    def _count(self, table: str, condition: str) -> int:
        [(count,)] = self.copy.ask(f"SELECT count(*) FROM {table} WHERE {condition}")
        return int(count)

    def asks(self) -> DeletionRequest:
        return requests.open_for(self.name, Actor.USER, timedelta(0))


ALL = {"privacy_subject": 1, "capture_event": 1, "privacy_consentrecord": 1, "anonymous": 2}
NONE = dict.fromkeys(ALL, 0)


def known(copy: Replica, name: str) -> Person:
    consent.change_of_user(name, {"price_tracking": True}, Actor.USER)
    ingest.record(events.Search(query="oat", user_id=name, session_id=VISIT))
    ingest.record(events.Search(query="milk", session_id=VISIT))
    return Person(copy, name, subjects.resolve([name])[name])


@pytest.fixture
def ann(copy: Replica, settings: Settings) -> Person:
    settings.DATA_HOLDERS = HOLDERS
    person = known(copy, "ann")
    copy.wait(lambda: person.rows() == ALL, 60)
    return person
