"""A stand-in of Google's that lets each account do what the Terraform files allow it, and nothing else.

Which permission a call takes is from Google's tables: "IAM permissions for JSON methods" of Cloud Storage, "BigQuery
IAM roles and permissions". Who asks is the name in the Authorization header; who shows none owns the project.
"""

import re
from collections.abc import Mapping
from email.message import Message
from urllib.parse import quote

from leafloaf.stack.http import ApiError, App, Request, Response

OBJECTS = r"/storage/v1/b/[^/]+/o"
TABLES = r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables"
JOBS = r"/bigquery/v2/projects/[^/]+/(?:queries|jobs)"
NEEDED = (
    ("GET", r"/storage/v1/b/[^/]+", {"storage.buckets.get"}),
    ("PATCH", r"/storage/v1/b/[^/]+", {"storage.buckets.update"}),
    ("GET", OBJECTS, {"storage.objects.list"}),
    ("GET", rf"(?:/download)?{OBJECTS}/.+", {"storage.objects.get"}),
    ("DELETE", rf"{OBJECTS}/.+", {"storage.objects.delete"}),
    ("(?:POST|PUT)", rf"/upload{OBJECTS}", {"storage.objects.create"}),
    ("POST", r"/bigquery/v2/projects/[^/]+/datasets", {"bigquery.datasets.create"}),
    ("GET", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+", {"bigquery.datasets.get"}),
    ("GET", TABLES, {"bigquery.tables.list"}),
    ("POST", TABLES, {"bigquery.tables.create"}),
    ("GET", rf"{TABLES}/[^/]+", {"bigquery.tables.get"}),
    ("PATCH", rf"{TABLES}/[^/]+", {"bigquery.tables.update"}),
    ("POST", rf"{TABLES}/[^/]+/insertAll", {"bigquery.tables.updateData"}),
    ("POST", JOBS, {"bigquery.jobs.create", "bigquery.tables.getData"}),
    ("GET", rf"{JOBS}/.+", {"bigquery.jobs.create"}),  # of one's own job
)


class Guard:
    def __init__(self, app: App, allowed: Mapping[str, set[str]]) -> None:
        self.allowed = allowed
        self.used: dict[str, set[str]] = {account: set() for account in allowed}
        self.refused: list[str] = []
        self._answer = app.answer
        app.answer = self.answer  # type: ignore[method-assign]

    def answer(self, request: Request) -> Response | None:
        account = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        if not account or request.path.startswith("/_standin/"):
            return self._answer(request)
        needed = self.needed(request)
        if lacking := needed - self.allowed[account]:
            said = f"{account} may not {request.method} {request.path}: {', '.join(sorted(lacking))}"
            self.refused.append(said)
            return ApiError(403, "forbidden", said).response()
        self.used[account] |= needed
        return self._answer(request)

    def needed(self, request: Request) -> set[str]:
        fitting = [
            permissions
            for method, path, permissions in NEEDED
            if re.fullmatch(method, request.method) and re.fullmatch(path, request.path)
        ]
        assert fitting, f"nobody said what {request.method} {request.path} takes"
        needed = set(fitting[0])
        if request.method == "POST" and b"DELETE FROM" in request.body:
            needed.add("bigquery.tables.updateData")
        if b'"view"' in request.body and request.method in ("POST", "PATCH"):
            needed.add("bigquery.tables.getData")
        if request.path.startswith("/upload/") and self._is_there(request):
            needed.add("storage.objects.delete")
        return needed

    def _is_there(self, request: Request) -> bool:
        """Google asks for the right to delete before it looks at the request's condition."""
        found = re.search(rb'"name": ?"([^"]+)"', request.body)
        if request.method == "PUT" or found is None:
            return False
        path = f"{request.path.removeprefix('/upload')}/{quote(found[1].decode(), safe='')}"
        answer = self._answer(Request("GET", path, {}, Message(), b"", request.url))
        return answer is not None and answer.status == 200
