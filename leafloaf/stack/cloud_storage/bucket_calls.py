"""What can be asked of buckets. Source: https://cloud.google.com/storage/docs/json_api/v1/buckets."""

import dataclasses

from leafloaf.stack.cloud_storage import names, resources
from leafloaf.stack.cloud_storage.objects import Store
from leafloaf.stack.cloud_storage.preconditions import Preconditions
from leafloaf.stack.http import ApiError, App, Request, Response, json_response

ALL = "/storage/v1/b"
ONE = "/storage/v1/b/{bucket}"


def add_routes(app: App, store: Store) -> None:
    calls = Calls(store)
    app.add("POST", ALL, calls.create)
    app.add("GET", ALL, calls.list_buckets)
    app.add("GET", ONE, calls.get)
    app.add("PATCH", ONE, calls.patch)
    app.add("PUT", ONE, calls.update)
    app.add("DELETE", ONE, calls.delete)


@dataclasses.dataclass(frozen=True)
class Calls:
    store: Store

    def create(self, request: Request) -> Response:
        _require_project(request)
        wanted = request.json()
        names.check_bucket(str(wanted.get("name") or ""))
        with self.store.change():
            if self.store.find_bucket(wanted["name"]):
                message = "Your previous request to create the named bucket succeeded and you already own it."
                raise ApiError(409, "conflict", message)
            bucket = resources.new_bucket(wanted, self.store.now())
            self.store.save_bucket(bucket)
        return _answer(bucket, request)

    def list_buckets(self, request: Request) -> Response:
        _require_project(request)
        found = self.store.buckets(request.arg("prefix") or "")
        items = [resources.shown_bucket(bucket, request.url) for bucket in found]
        return json_response({"kind": "storage#buckets", "items": items})

    def get(self, request: Request) -> Response:
        bucket = self.store.bucket(request.params["bucket"])
        Preconditions.of(request).check(bucket)
        return _answer(bucket, request)

    def patch(self, request: Request) -> Response:
        changes = resources.bucket_changes(request.json())
        return self._change(request, lambda bucket: resources.merged(bucket, changes))

    def update(self, request: Request) -> Response:
        """Like patch, but what is not sent falls back to its default."""
        wanted = {**request.json(), "name": request.params["bucket"]}

        def replaced(bucket: resources.Resource) -> resources.Resource:
            fresh = resources.new_bucket({"location": bucket["location"], **wanted}, self.store.now())
            lasting = ("generation", "metageneration", "timeCreated", "location", "locationType")
            return {**fresh, **{name: bucket[name] for name in lasting}}

        return self._change(request, replaced)

    def _change(self, request: Request, make: resources.Change) -> Response:
        with self.store.change():
            current = self.store.bucket(request.params["bucket"])
            Preconditions.of(request).check(current)
            now = self.store.now()
            bucket = resources.touched(resources.checked_bucket(make(current), now), now)
            self.store.save_bucket(bucket)
        return _answer(bucket, request)

    def delete(self, request: Request) -> Response:
        with self.store.change():
            bucket = self.store.bucket(request.params["bucket"])
            Preconditions.of(request).check(bucket)
            self.store.remove_bucket(bucket["name"])
        return Response(204)


def _require_project(request: Request) -> None:
    if not request.arg("project"):
        raise ApiError(400, "required", "Required parameter: project")


def _answer(bucket: resources.Resource, request: Request) -> Response:
    return json_response(resources.shown_bucket(bucket, request.url))
