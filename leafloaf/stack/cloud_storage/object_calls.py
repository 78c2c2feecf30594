"""What can be asked of objects, uploads apart.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects (Objects resource) and its methods.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from leafloaf.stack.cloud_storage import downloads, listing, names, resources
from leafloaf.stack.cloud_storage.objects import Store
from leafloaf.stack.cloud_storage.preconditions import Preconditions, number
from leafloaf.stack.cloud_storage.resources import Resource, Version
from leafloaf.stack.http import ApiError, App, Request, Response, json_response

ALL = "/storage/v1/b/{bucket}/o"
ONE = "/storage/v1/b/{bucket}/o/{object}"
MOST_SOURCES = 32


def add_routes(app: App, store: Store) -> None:
    calls = Calls(store)
    app.add("GET", ALL, calls.list_objects)
    app.add("GET", ONE, calls.get)
    app.add("GET", "/download" + ONE, calls.get)
    app.add("PATCH", ONE, calls.patch)
    app.add("PUT", ONE, calls.update)
    app.add("DELETE", ONE, calls.delete)
    app.add("POST", ONE + "/compose", calls.compose)
    app.add("POST", ONE + "/restore", calls.restore)
    app.add("POST", ONE + "/rewriteTo/b/{to_bucket}/o/{to_object}", calls.rewrite)
    app.add("POST", ONE + "/copyTo/b/{to_bucket}/o/{to_object}", calls.copy)


@dataclasses.dataclass(frozen=True)
class Calls:
    store: Store

    def list_objects(self, request: Request) -> Response:
        bucket, query = request.params["bucket"], listing.Query.of(request)
        with self.store.change():
            self.store.bucket(bucket)
            self.store.expire()
            page = listing.page(self.store, bucket, query)
        items = [resources.shown_object(version.resource, request.url) for version in page.pop("items")]
        return json_response({"kind": "storage#objects", "items": items, **page})

    def get(self, request: Request) -> Response:
        if request.flag("softDeleted"):
            return self._get_soft_deleted(request)
        is_media = request.arg("alt") == "media"
        with self.store.reading():
            version = self._target(request)
            Preconditions.of(request).check(version.resource)
            data = self.store.content(version) if is_media else b""
        return downloads.answer(version.resource, data, request) if is_media else _answer(version, request)

    def _get_soft_deleted(self, request: Request) -> Response:
        with self.store.change():
            version = self._soft_deleted(request)
        return _answer(version, request)

    def patch(self, request: Request) -> Response:
        changes = resources.writable(request.json())
        return self._change(request, lambda resource: resources.merged(resource, changes))

    def update(self, request: Request) -> Response:
        """Like patch, but writable metadata that is not sent is cleared."""
        wanted = resources.writable(request.json())

        def replaced(resource: Resource) -> Resource:
            cleared = resources.OBJECT_WRITABLE - {"storageClass"}
            kept = {k: v for k, v in resource.items() if k not in cleared}
            return resources.merged(kept, wanted)

        return self._change(request, replaced)

    def _change(self, request: Request, make: resources.Change) -> Response:
        with self.store.change():
            version = self._target(request)
            Preconditions.of(request).check(version.resource)
            resource = resources.touched(make(version.resource), self.store.now())
            version = self.store.rewrite(dataclasses.replace(version, resource=resource))
        return _answer(version, request)

    def delete(self, request: Request) -> Response:
        with self.store.change():
            version = self._target(request)
            Preconditions.of(request).check(version.resource)
            bucket = self.store.bucket(version.bucket)
            self.store.retire(bucket, version, named=request.arg("generation") is not None)
        return Response(204)

    def restore(self, request: Request) -> Response:
        """A new live copy with the old metadata; the soft-deleted version stays until its time."""
        if request.arg("generation") is None:
            raise ApiError(400, "required", "Required parameter: generation")
        with self.store.change():
            lost = self._soft_deleted(request)
            self._check_live(lost.bucket, lost.name, Preconditions.of(request))
            bucket = self.store.bucket(lost.bucket)
            passing = {"softDeleteTime", "hardDeleteTime", "timeDeleted"}
            fields = {k: v for k, v in lost.resource.items() if k not in passing}
            version = self.store.put(bucket, lost.name, self.store.content(lost), fields)
        return _answer(version, request)

    def rewrite(self, request: Request) -> Response:
        version = self._copied(request)
        size = version.resource["size"]
        progress = {"totalBytesRewritten": size, "objectSize": size, "done": True}
        resource = resources.shown_object(version.resource, request.url)
        return json_response({"kind": "storage#rewriteResponse", **progress, "resource": resource})

    def copy(self, request: Request) -> Response:
        return _answer(self._copied(request), request)

    def _copied(self, request: Request) -> Version:
        wanted = resources.writable(request.json())
        to_bucket, to_name = request.params["to_bucket"], request.params["to_object"]
        names.check_object(to_name)
        with self.store.change():
            source = self._target(request, "sourceGeneration")
            Preconditions.of(request, "ifSource").check(source.resource)
            bucket = self.store.bucket(to_bucket)
            self._check_live(to_bucket, to_name, Preconditions.of(request))
            described = wanted or {k: v for k, v in source.resource.items() if k in resources.OBJECT_WRITABLE}
            content = {k: source.resource[k] for k in CONTENT_FIELDS if k in source.resource}
            fields = {**resources.merged({}, described), **content}
            return self.store.put(bucket, to_name, self.store.content(source), fields)

    def compose(self, request: Request) -> Response:
        """Join up to 32 objects of the bucket; a composite has a component count and no MD5.

        https://cloud.google.com/storage/docs/composite-objects (Composite objects).
        """
        bucket_name, name = request.params["bucket"], request.params["object"]
        names.check_object(name)
        sent = request.json()
        wanted = sent.get("sourceObjects") or []
        if not 1 <= len(wanted) <= MOST_SOURCES:
            raise ApiError(400, "invalid", f"Compose takes 1 to {MOST_SOURCES} source objects.")
        fields = resources.merged({}, resources.writable(sent.get("destination") or {}))
        with self.store.change():
            bucket = self.store.bucket(bucket_name)
            sources = [self._source(bucket_name, each) for each in wanted]
            self._check_live(bucket_name, name, Preconditions.of(request))
            data = b"".join(self.store.content(source) for source in sources)
            version = self.store.put(bucket, name, data, {**fields, **_composite(data, sources)})
            if sent.get("deleteSourceObjects"):
                self._retire_all(bucket, [source for source in sources if source.name != name])
        return _answer(version, request)

    def _source(self, bucket: str, wanted: Mapping[str, Any]) -> Version:
        name, generation = str(wanted.get("name")), number(wanted.get("generation"), "generation")
        version = self.store.find(bucket, name, generation)
        if version is None:
            raise _missing(bucket, name)
        Preconditions.parse(wanted.get("objectPreconditions") or {}).check(version.resource)
        return version

    def _retire_all(self, bucket: Resource, versions: list[Version]) -> None:
        for version in {version.generation: version for version in versions}.values():
            self.store.retire(bucket, version)

    def _check_live(self, bucket: str, name: str, conditions: Preconditions) -> None:
        current = self.store.find(bucket, name)
        conditions.check(current.resource if current else None)

    def _target(self, request: Request, parameter: str = "generation") -> Version:
        """The version the request is about, or ApiError 404."""
        bucket, name = request.params["bucket"], request.params["object"]
        self.store.bucket(bucket)
        version = self.store.find(bucket, name, number(request.arg(parameter), parameter))
        if version is None:
            raise _missing(bucket, name)
        return version

    def _soft_deleted(self, request: Request) -> Version:
        bucket, name = request.params["bucket"], request.params["object"]
        generation = number(request.arg("generation"), "generation")
        if generation is None:
            raise ApiError(400, "required", "Required parameter: generation")
        self.store.expire()
        self.store.bucket(bucket)
        version = self.store.find_soft_deleted(bucket, name, generation)
        if version is None:
            raise _missing(bucket, name)
        return version


CONTENT_FIELDS = ("size", "md5Hash", "crc32c", "componentCount")


def _composite(data: bytes, sources: list[Version]) -> Resource:
    content = resources.content_fields(data)
    del content["md5Hash"]
    return {**content, "componentCount": sum(s.resource.get("componentCount", 1) for s in sources)}


def _answer(version: Version, request: Request) -> Response:
    return json_response(resources.shown_object(version.resource, request.url))


def _missing(bucket: str, name: str) -> ApiError:
    return ApiError(404, "notFound", f"No such object: {bucket}/{name}")
