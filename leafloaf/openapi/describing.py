"""The description's last touch: what `wording` says of each operation, its errors, its headers.

A postprocessing hook of drf-spectacular, after all others. What the code says itself (addresses, fields, scopes,
limits) is there by then.
"""

from typing import Any

from leafloaf.openapi import problems, wording

Operation = dict[str, Any]
ALWAYS = (400, 405, 406, 500)
WITH_CREDENTIAL = (401, 403, 503)
WITH_BODY = (411, 413, 415, 422)
BODIES = {"post", "patch", "put", "delete"}
ANSWER_HEADERS = {
    "Retry-After": problems.AWAY[problems.AWAY_STATUS]["Retry-After"],
    "Location": {
        "description": "The address of what was made.",
        "schema": {"type": "string", "format": "uri"},
    },
    "Content-Disposition": {"description": "The name of the file.", "schema": {"type": "string"}},
}


def describe(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The hook."""
    result["info"]["description"] = wording.info()
    result["tags"] = wording.tags()
    for kind, components in problems.components().items():
        result["components"].setdefault(kind, {}).update(components)
    problems.complete_limits(result["components"]["responses"]["TooManyRequests"])
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            say(operation, method, path, wording.of(method, path))
    return result


def say(operation: Operation, method: str, path: str, text: dict[str, Any]) -> None:
    """Everything that is said of one operation."""
    operation["operationId"] = text["id"]
    operation["tags"] = [text["tag"]]
    operation["summary"] = text["summary"]
    operation["description"] = text["description"].strip() + who_may(operation)
    operation["security"] = [one for one in operation.get("security", []) if one]
    add_parameters(operation, text.get("parameters", {}))
    add_request(operation, text.get("request", {}))
    for status, answer in text["answers"].items():
        add_answer(operation, str(status), answer)
    add_problems(operation, method, path, coded(text.get("problems", {})))


def who_may(operation: Operation) -> str:
    """The scope that a key needs, which is in the security requirements for programs."""
    scopes = {scope for one in operation.get("security", []) for scopes in one.values() for scope in scopes}
    return f"\n\nScope of a key: `{min(scopes)}`." if scopes else ""


def add_parameters(operation: Operation, texts: dict[str, dict[str, Any]]) -> None:
    for parameter in operation.get("parameters", []):
        parameter.update(texts.get(parameter["name"], {}))


def add_request(operation: Operation, examples: dict[str, Any]) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        media["examples"] = {
            name.replace(" ", "_").replace("'", ""): {"summary": name, "value": value}
            for name, value in examples.items()
        }


def add_answer(operation: Operation, status: str, text: dict[str, Any]) -> None:
    answer = operation["responses"].setdefault(status, {"content": {"application/json": {}}})
    answer["description"] = text["description"]
    answer.setdefault("headers", {}).update(
        {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
        | {name: ANSWER_HEADERS[name] for name in text.get("headers", ())}
    )
    if "example" in text:
        answer["content"]["application/json"]["example"] = text["example"]
    if "text" in text:
        answer["content"]["text/plain"]["example"] = text["text"]
    if "links" in text:
        answer["links"] = {
            name: {"operationId": link["to"], "parameters": link["with"]}
            for name, link in text["links"].items()
        }


def coded(texts: dict[str, str]) -> dict[int, dict[str, str]]:
    """`404 not_found: …` by status and code."""
    found: dict[int, dict[str, str]] = {}
    for name, detail in texts.items():
        status, _, code = name.partition(" ")
        found.setdefault(int(status), {})[code] = detail
    return found


def add_problems(operation: Operation, method: str, path: str, own: dict[int, dict[str, str]]) -> None:
    """Each error that this operation may answer; those in common by reference."""
    is_limited = bool(operation["security"])
    for status in sorted({*expected(operation, method, path), *own}):
        if str(status) in operation["responses"]:
            continue
        is_common = status not in own and is_limited
        operation["responses"][str(status)] = (
            problems.reference(status)
            if is_common
            else problems.answer(status, own.get(status, {}), limited=is_limited)
        )


def expected(operation: Operation, method: str, path: str) -> set[int]:
    """The errors that follow from what the operation is."""
    found = set(ALWAYS)
    if operation["security"]:
        found |= set(WITH_CREDENTIAL)
    if method in BODIES:
        found |= set(WITH_BODY)
    if operation.get("parameters"):
        found.add(422)
    if "{" in path:
        found.add(404)
    return found
