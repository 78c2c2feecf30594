"""The application: Google's routes, and our own to apply lifecycle rules at the test clock's time."""

import itertools
import pathlib
from collections.abc import Mapping
from typing import Any

from leafloaf.stack.cloud_storage import batch, bucket_calls, lifecycle, object_calls, resources, uploads
from leafloaf.stack.cloud_storage.objects import Store
from leafloaf.stack.cloud_storage.resources import LIVE, NONCURRENT, Version
from leafloaf.stack.http import App, Request, Response, json_response


def build(folder: pathlib.Path) -> tuple[App, Store]:
    """An app over the objects in `folder`; close the store after the last request."""
    app = App("cloud storage stand-in")
    store = Store(folder, app.clock.now)
    bucket_calls.add_routes(app, store)
    object_calls.add_routes(app, store)
    uploads.add_routes(app, store)
    batch.add_routes(app)

    @app.route("POST", "/_standin/lifecycle")
    def apply_lifecycle(request: Request) -> Response:
        with store.change():
            applied = [line for bucket in store.buckets("") for line in _apply(store, bucket)]
            expired = store.expire()
        return json_response({"applied": applied, "expired": expired})

    return app, store


def _apply(store: Store, bucket: resources.Resource) -> list[dict[str, str]]:
    """Apply a bucket's rules once to every version, and say what was done."""
    rules = (bucket.get("lifecycle") or {}).get("rule", [])
    versions = list(store.after(bucket["name"], (LIVE, NONCURRENT))) if rules else []
    done = []
    for _, same_name in itertools.groupby(versions, key=lambda version: version.name):
        for newer, version in enumerate(sorted(same_name, key=lambda v: -v.generation)):
            candidate = lifecycle.Candidate(version.resource, version.state == LIVE, newer, store.now())
            if action := lifecycle.due(rules, candidate):
                _act(store, bucket, version, action)
                done.append({"object": version.id, "action": action["type"]})
    return done


def _act(store: Store, bucket: resources.Resource, version: Version, action: Mapping[str, Any]) -> None:
    if action["type"] == "Delete":
        store.retire(bucket, version)
    elif version.resource["storageClass"] != action["storageClass"]:
        store.replace(version, storageClass=action["storageClass"])
