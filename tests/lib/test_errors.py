"""What a log may say of an error: what it is."""

import errno

import psycopg
import pytest
from django.db import OperationalError
from google.api_core.exceptions import ServiceUnavailable

from capture.sinks.base import Unavailable
from leafloaf.lib.errors import chain_of, kind_of, kinds_of

SAID = "user_ann"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError(SAID), "KeyError"),
        (ConnectionRefusedError(errno.ECONNREFUSED, SAID), "ConnectionRefusedError (111)"),
        (ServiceUnavailable(SAID), "google.api_core.exceptions.ServiceUnavailable (503)"),
        (psycopg.errors.UniqueViolation(SAID), "psycopg.errors.UniqueViolation (23505)"),
    ],
)
def test_an_error_is_told_by_its_class_and_code(error: Exception, kind: str) -> None:
    assert kind_of(error) == kind


def test_djangos_errors_have_the_code_of_what_they_wrap() -> None:
    error = OperationalError(SAID)
    error.__cause__ = psycopg.errors.QueryCanceled(SAID)
    assert kind_of(error) == "django.db.utils.OperationalError (57014)"


def test_what_it_came_from_is_told_in_a_few_words() -> None:
    error = Unavailable(SAID)
    error.__cause__ = ServiceUnavailable(SAID)
    error.__cause__.__context__ = ConnectionResetError(SAID)
    assert kinds_of(error) == "Unavailable, by ServiceUnavailable (503), by ConnectionResetError"


def test_a_circle_of_errors_ends() -> None:
    one, two = ValueError(), KeyError()
    one.__context__, two.__context__ = two, one
    assert list(chain_of(one)) == [one, two]


def test_many_are_cut_short() -> None:
    error: Exception = ValueError()
    for _ in range(20):
        following = ValueError()
        following.__cause__, error = error, following
    assert kinds_of(error).count("ValueError") == 4
