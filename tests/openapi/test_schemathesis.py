"""schemathesis asks every operation what the description says and what it does not say, and holds the answers to it.

Through a real server, with a secret key of every scope that speaks for one user. The seed is fixed and said when
something is found; `SCHEMATHESIS_SEED` sets another.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from schemathesis import Case, CheckContext, HookContext, Response, engine, hooks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.openapi import api
from tests.privacy.shelf import HOLDERS, Shelf

SEED = int(os.environ.get("SCHEMATHESIS_SEED", "8"))
USER = "user_schemathesis"
FROM_SOME = {"examples", "stateful"}
"""Phases that ask only what has an example, or a link."""

# Each line says why a check is not made of an operation.
EXCLUSIONS: list[dict[str, Any]] = [
    {  # A bad event never loses its batch: 202 says what is wrong with it, which `the_verdict_on_events` looks at.
        "include-operation-id": "sendEvents",
        "checks": {"negative_data_rejection": {"enabled": False}},
    },
    {  # The product must be one of the shop's, which no schema can say: 422 otherwise.
        "include-operation-id": "dismiss",
        "checks": {"positive_data_acceptance": {"enabled": False}},
    },
]


BEYOND_A_SCHEMA = {
    "in_the_future",
    "too_old",
    "too_large",
    "too_deep",
    "nul_character",
    "personal_data",
    "user_not_allowed",
    "conflict",
}


@schemathesis.check
def the_verdict_on_events(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A 202 rejects something where the schema was broken, and otherwise only for what a schema cannot say."""
    if case.operation.label != "POST /api/v1/events" or response.status_code != 202 or case.meta is None:
        return
    if response.request.headers["Content-Type"] != "application/json":
        return  # beacons send the same JSON as `text/plain`
    rejected = [error for one in response.json()["rejected"] for error in one["errors"]]
    if case.meta.is_negative_at(ParameterLocation.BODY):
        assert rejected, "An event that breaks the schema was taken."
    elif not case.meta.generation.mode.is_negative:
        unsaid = [one for one in rejected if not is_beyond_a_schema(one)]
        assert not unsaid, f"Events that keep to the schema were rejected: {unsaid}"


def is_beyond_a_schema(fault: dict[str, str]) -> bool:
    """To JSON Schema 20.0 is a whole number, to the decoder of events it is not."""
    unsaid = ("decimal places", "got `float`")
    return fault["code"] in BEYOND_A_SCHEMA or any(words in fault["detail"] for words in unsaid)


@pytest.fixture
def shop(log: None, settings: Settings) -> Iterator[str]:
    """A secret key of a shop with something to find."""
    settings.DATA_HOLDERS, settings.EXPORT_INFERENCES = HOLDERS, []
    settings.THROTTLES = {}
    Shelf.clear()
    api.document()  # made once a process, and on a busy machine not within the patience of who asks
    hooks.GLOBAL_HOOK_DISPATCHER.register_hook_with_name(speak_for_one_user, "before_call")
    yield keys.create("schemathesis", ApiClient.Kind.SECRET, keys.SCOPES)
    hooks.unregister(speak_for_one_user)
    Shelf.clear()


def configured(key: str, examples: int, phases: tuple[str, ...]) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "workers": 1,
            "continue-on-failure": True,
            "request-timeout": 60,
            "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
            "auth": {"openapi": {"secretKey": {"bearer": key}}},
            "phases": {
                name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")
            },
            "output": {"sanitization": {"enabled": False}},
            "operations": EXCLUSIONS,
            # What was made for the person of one header is not there for whoever a made-up header names.
            "checks": {"ensure_resource_availability": {"enabled": False}},
        }
    )


def speak_for_one_user(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Whose it is would be 422 for most operations, where the header is left out."""
    case.headers.setdefault("X-User-Id", USER)


def found(address: str, key: str, examples: int, *phases: str) -> tuple[set[str], list[str]]:
    """The operations that were asked, and what schemathesis complains of, each complaint once."""
    schema = schemathesis.openapi.from_url(
        f"{address}/api/v1/openapi.json", config=configured(key, examples, phases), timeout=60
    )
    asked, complaints = set[str](), dict[str, str]()
    for event in engine.from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            complaints[f"{event.label}: error"] = str(event.info)
        elif isinstance(event, ScenarioFinished):
            asked |= {node.value.operation.label for node in event.recorder.cases.values()}
            complaints = dict(failures(event.recorder)) | complaints
    return asked, [f"{name}\n{text}" for name, text in sorted(complaints.items())]


def failures(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    """What failed, with the request to make again and what was answered."""
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            case = recorder.cases[case_id].value
            answer = recorder.interactions[case_id].response
            said = f"{answer.status_code} {answer.content[:400]!r}" if answer else "no answer"
            failure = check.failure_info.failure
            name = f"{case.operation.label}: {check.name}: {failure.title}"
            yield name, f"{failure.message}\n{check.failure_info.code_sample}\n{said}"


@pytest.mark.parametrize(
    ("phase", "examples"),
    [
        ("examples", 1),
        pytest.param("coverage", 1, marks=pytest.mark.slow),  # minutes
        ("fuzzing", 5),
        ("stateful", 5),
    ],
)
def test_the_api_does_as_it_is_described(
    live_server: LiveServer, shop: str, phase: str, examples: int
) -> None:
    asked, complaints = found(live_server.url, shop, examples, phase)
    agree(complaints)
    assert asked == described() or (asked and phase in FROM_SOME), described() - asked


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["fuzzing", "stateful"])
def test_it_does_so_for_long(live_server: LiveServer, shop: str, phase: str) -> None:
    agree(found(live_server.url, shop, 200, phase)[1])


def described() -> set[str]:
    paths: dict[str, dict[str, Any]] = json.loads(api.document())["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def agree(complaints: list[str]) -> None:
    assert not complaints, "\n\n".join([f"SCHEMATHESIS_SEED={SEED}", *complaints])
