"""What every operation of the description must say, so that somebody can build on it without asking."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client

from leafloaf.access import keys, tokens
from leafloaf.openapi import api, wording
from tests.access.matrix.policy import API, Named

DOCUMENT: dict[str, Any] = json.loads(api.document())
PARAMETER = re.compile(r"<\w+:(\w+)>")
POLICIES = {"/" + PARAMETER.sub(r"{\1}", route): policy for route, policy in API.items()}
COMMON_PROBLEMS = {"400", "405", "500"}
PROBLEMS_WITH_A_CREDENTIAL = {"401", "403", "429", "503"}
PROBLEMS_WITH_A_BODY = {"411", "413", "415", "422"}
FILES = {"application/zip"}


def operations() -> Iterator[Any]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield pytest.param(path, method, operation, id=f"{method.upper()} {path}")


EACH = pytest.mark.parametrize(("path", "method", "operation"), tuple(operations()))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` refers to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def validator(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator(
        schema | {"components": DOCUMENT["components"]}, validate_formats=True
    )


def answers(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in operation["responses"].items():
        yield status, resolved(answer)


def test_it_is_openapi_3_1_with_a_name_a_licence_and_a_server() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"
    assert DOCUMENT["servers"] == [{"url": "/", "description": "This server."}]
    assert len(DOCUMENT["info"]["description"]) > 400


def test_every_address_of_the_api_is_described_and_none_that_there_is_not() -> None:
    described = {path for path in DOCUMENT["paths"] if path.startswith("/api/")}
    assert described == {path for path in POLICIES if path.startswith("/api/")}


def test_nothing_is_said_of_operations_that_there_are_not() -> None:
    described = {f"{m.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for m in methods}
    assert set(wording.operations()) == described


def test_operations_have_names_of_their_own() -> None:
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert sorted(names) == sorted(set(names))
    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for name in names)


@EACH
def test_it_says_what_it_does(path: str, method: str, operation: dict[str, Any]) -> None:
    assert 5 < len(operation["summary"]) <= 60
    assert not operation["summary"].endswith(".")
    assert len(operation["description"]) > 30
    assert operation["tags"] == [
        tag for tag in operation["tags"] if tag in {one["name"] for one in DOCUMENT["tags"]}
    ]
    assert len(operation["tags"]) == 1
    for parameter in operation.get("parameters", []):
        assert parameter["description"], parameter["name"]


@EACH
def test_its_credentials_are_those_of_the_access_matrix(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    policy = POLICIES.get(path)
    if policy is None:
        assert operation["security"] == []
        return
    takes = {
        "publishableKey": keys.PUBLISHABLE_SCOPES,
        "secretKey": set(keys.SCOPES),
        "userToken": tokens.SCOPES,
    }
    wanted = [{name: [policy.scope]} for name, scopes in takes.items() if policy.scope in scopes]
    assert operation["security"] == wanted
    assert f"Scope of a key: `{policy.scope}`." in operation["description"]
    assert method.upper() in policy.methods


@EACH
def test_it_takes_the_users_name_where_it_may(path: str, method: str, operation: dict[str, Any]) -> None:
    names = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "header"}
    policy = POLICIES.get(path)
    named = policy.named if policy else Named.NEVER
    assert ("X-User-Id" in names) == (named != Named.NEVER)
    if "X-User-Id" in names:
        assert names["X-User-Id"]["schema"].get("minLength", 0) == (named == Named.ALWAYS)


@EACH
def test_its_errors_are_all_there_as_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    wanted = set(COMMON_PROBLEMS)
    if operation["security"]:
        wanted |= PROBLEMS_WITH_A_CREDENTIAL
    if method in {"post", "patch"}:
        wanted |= PROBLEMS_WITH_A_BODY
    if operation.get("parameters"):
        wanted.add("422")
    if "{" in path:
        wanted.add("404")
    assert wanted <= set(operation["responses"])
    for status, answer in answers(operation):
        if status >= "400" and path != "/health":
            assert list(answer["content"]) == ["application/problem+json"], status
            assert answer["description"], status


@EACH
def test_every_answer_has_its_headers(path: str, method: str, operation: dict[str, Any]) -> None:
    for status, answer in answers(operation):
        names = set(answer["headers"])
        assert "X-Request-Id" in names, status
        if operation["security"]:
            assert {"RateLimit", "RateLimit-Policy"} <= names, status
        if status in {"429", "503"}:
            assert "Retry-After" in names
        if status == "401":
            assert "WWW-Authenticate" in names
        if status == "405":
            assert "Allow" in names


@EACH
def test_its_examples_are_as_it_says(path: str, method: str, operation: dict[str, Any]) -> None:
    bodies = list(operation.get("requestBody", {}).get("content", {}).values())
    assert all(media["examples"] for media in bodies)
    for _, answer in answers(operation):
        media = [one for kind, one in answer.get("content", {}).items() if kind not in FILES]
        assert all("example" in one or "examples" in one for one in media)
        bodies += media
    for media in bodies:
        check = validator(media["schema"])
        values = [one["value"] for one in media.get("examples", {}).values()]
        for value in [*values, *([media["example"]] if "example" in media else [])]:
            assert [f"{one.instance_path}: {one.message}" for one in check.iter_errors(value)] == []


@EACH
def test_its_links_lead_to_operations(path: str, method: str, operation: dict[str, Any]) -> None:
    names = {one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()}
    linked = {
        link["operationId"] for _, answer in answers(operation) for link in answer.get("links", {}).values()
    }
    assert linked <= names


def test_components_have_readable_names() -> None:
    for kind in ("schemas", "responses", "headers", "securitySchemes"):
        for name in DOCUMENT["components"][kind]:
            assert re.fullmatch("[A-Za-z][A-Za-z-]+", name), name
            assert "Serializer" not in name
    assert all(scheme["description"] for scheme in DOCUMENT["components"]["securitySchemes"].values())


def test_what_is_sent_is_closed_and_what_is_answered_is_open() -> None:
    """A misspelt field is refused; a new field of an answer breaks nobody."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["SearchRequest"]["additionalProperties"] is False
    assert schemas["Cart"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["SearchAnswer"]
    assert "additionalProperties" not in schemas["DeletionRequest"]


def test_it_is_answered_to_everybody_and_may_be_kept() -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.1"
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.json() == DOCUMENT
