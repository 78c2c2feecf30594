"""A replica is a place with personal data as soon as it is named, and told of as one."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.config.test_deployment import run, settings_of
from tests.privacy.entering import signed_in
from tests.privacy.pages import DELETION, ask, said
from tests.privacy.replica.conftest import HOLDERS

NAMED = {"DATABASE_REPLICA_URL": "postgres://unused@127.0.0.1:2/unused"}


def test_there_is_a_holder_where_a_replica_is_named_and_nowhere_else() -> None:
    assert "replica" not in settings_of("DATA_HOLDERS")["DATA_HOLDERS"]
    told = settings_of("DATA_HOLDERS", **NAMED)
    assert told["DATA_HOLDERS"]["replica"] == "privacy.replica_holder.ReplicaHolder"


def test_the_checks_find_nothing_against_it() -> None:
    answer = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **NAMED)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "A copy of the shop&#x27;s database that follows it"),
        ("fr", "Une copie de la base de données de la boutique, qui la suit"),
    ],
)
def test_a_person_is_told_of_it_in_their_language(settings: Settings, language: str, told: str) -> None:
    settings.DATA_HOLDERS = HOLDERS
    client = signed_in(client=Client(headers={"Accept-Language": language}))
    ask(client)
    body = said(client, DELETION)
    assert told in body or told.replace("&#x27;", "'") in body
