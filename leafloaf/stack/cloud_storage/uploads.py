"""Objects: insert, in its three forms: media, multipart and resumable.

Sources: https://cloud.google.com/storage/docs/json_api/v1/objects/insert (Objects: insert),
https://cloud.google.com/storage/docs/uploads-downloads (Uploads and downloads),
https://cloud.google.com/storage/docs/performing-resumable-uploads (Perform resumable uploads).
"""

import dataclasses
import datetime as dt
import email.message
import email.parser
import pathlib
import re
import secrets
from typing import Any

from leafloaf.stack.cloud_storage import names, resources
from leafloaf.stack.cloud_storage.objects import Store
from leafloaf.stack.cloud_storage.preconditions import Preconditions
from leafloaf.stack.cloud_storage.resources import Resource, Version
from leafloaf.stack.http import ApiError, App, Request, Response, json_response, parsed_json

URL = "/upload/storage/v1/b/{bucket}/o"
CHUNK_QUANTUM = 256 * 1024
LIFE_OF_A_SESSION = dt.timedelta(days=7)
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(?:(\d+)|\*)")


def add_routes(app: App, store: Store) -> None:
    uploads = Uploads(store)
    app.add("POST", URL, uploads.start)
    app.add("PUT", URL, uploads.resume)
    app.add("DELETE", URL, uploads.cancel)


@dataclasses.dataclass(frozen=True)
class Part:
    """The `bytes FIRST-LAST/TOTAL` of a chunk; FIRST is None when it only asks how far we are."""

    first: int | None
    total: int | None

    @classmethod
    def of(cls, request: Request) -> "Part":
        header = request.headers.get("Content-Range")
        if header is None:
            return cls(0, len(request.body))
        match = CONTENT_RANGE.fullmatch(header)
        if not match:
            raise ApiError(400, "invalid", f"Invalid Content-Range: {header}")
        first, last, total = (int(text) if text is not None else None for text in match.groups())
        if first is not None and last is not None and last - first + 1 != len(request.body):
            raise ApiError(400, "invalid", "Content-Range does not match the length of the body.")
        return cls(first, total)


@dataclasses.dataclass(frozen=True)
class Uploads:
    store: Store

    def start(self, request: Request) -> Response:
        if request.headers.get("x-goog-encryption-algorithm"):
            raise ApiError(501, "notImplemented", "The stand-in does not know customer-supplied keys.")
        kind = request.arg("uploadType")
        if kind == "media":
            sent_type = request.headers.get("Content-Type")
            return self._insert(request, {"contentType": sent_type} if sent_type else {}, request.body)
        if kind == "multipart":
            return self._insert(request, *_multipart(request))
        if kind == "resumable" and request.arg("upload_id") is None:
            return self._open(request)
        raise ApiError(400, "invalid", f"Invalid uploadType: {kind}")

    def _insert(self, request: Request, wanted: Resource, data: bytes) -> Response:
        resources.check_hashes(data, resources.hashes_in(request.headers.get("x-goog-hash")))
        name, wanted = _named(request, wanted)
        conditions = Preconditions.of(request)
        with self.store.change():
            version = write(self.store, request.params["bucket"], name, data, wanted, conditions)
        return json_response(resources.shown_object(version.resource, request.url))

    # Resumable

    def _open(self, request: Request) -> Response:
        sent_type = request.headers.get("X-Upload-Content-Type")
        defaults = {"contentType": sent_type} if sent_type else {}
        name, wanted = _named(request, {**defaults, **request.json()})
        resources.writable(wanted)
        conditions = Preconditions.of(request)
        upload, bucket = secrets.token_urlsafe(24), request.params["bucket"]
        session = {
            "bucket": bucket,
            "name": name,
            "wanted": wanted,
            "if": dataclasses.asdict(conditions),
            "opened_at": resources.stamp(self.store.now()),
        }
        with self.store.change():
            self.store.bucket(bucket)
            current = self.store.find(bucket, name)
            conditions.check(current.resource if current else None)
            self.store.save_session(upload, session)
            self._arrived(upload).touch()
        url = f"{request.url}{request.path}?uploadType=resumable&upload_id={upload}"
        return Response(200, headers={"Location": url, "X-GUploader-UploadID": upload})

    def resume(self, request: Request) -> Response:
        upload, part = request.arg("upload_id") or "", Part.of(request)
        with self.store.change():
            session = self._session(upload)
            if "done" in session:
                return json_response(resources.shown_object(session["done"], request.url))
            arrived = self._arrived(upload)
            self._append(arrived, part, request.body)
            if part.total is None or arrived.stat().st_size < part.total:
                return _how_far(arrived.stat().st_size)
            version = self._finish(upload, session, request.headers.get("x-goog-hash"))
        arrived.unlink(missing_ok=True)
        return json_response(resources.shown_object(version.resource, request.url))

    def _append(self, arrived: pathlib.Path, part: Part, body: bytes) -> None:
        """Add what is new of a chunk; bytes we already have are skipped, a gap is not filled."""
        size = arrived.stat().st_size
        if part.first is None or part.first > size:
            return
        is_last = part.total is not None and part.first + len(body) >= part.total
        if not is_last and len(body) % CHUNK_QUANTUM:
            raise ApiError(400, "invalid", "All chunks but the last must be multiples of 256 KiB.")
        if part.total is not None and part.first + len(body) > part.total:
            raise ApiError(400, "invalid", "More bytes than announced.")
        with arrived.open("ab") as file:
            file.write(body[size - part.first :])

    def _finish(self, upload: str, session: Resource, hashes: str | None) -> Version:
        data = self._arrived(upload).read_bytes()
        resources.check_hashes(data, resources.hashes_in(hashes))
        conditions = Preconditions(**session["if"])
        wanted = session["wanted"]
        version = write(self.store, session["bucket"], session["name"], data, wanted, conditions)
        self.store.save_session(upload, {**session, "done": version.resource})
        return version

    def cancel(self, request: Request) -> Response:
        upload = request.arg("upload_id") or ""
        with self.store.change():
            self._session(upload)
            self.store.remove_session(upload)
        self._arrived(upload).unlink(missing_ok=True)
        return Response(499)

    def _session(self, upload: str) -> Resource:
        session = self.store.find_session(upload)
        if session is None:
            raise ApiError(404, "notFound", "No such upload session.")
        if self.store.now() - resources.parse_time(session["opened_at"]) > LIFE_OF_A_SESSION:
            raise ApiError(410, "gone", "The upload session is over a week old.")
        return session

    def _arrived(self, upload: str) -> pathlib.Path:
        return self.store.files.uploads / upload


def write(
    store: Store, bucket_name: str, name: str, data: bytes, wanted: Resource, conditions: Preconditions
) -> Version:
    """Check everything, then make `data` the live version. Called inside `store.change()`."""
    resources.check_hashes(data, wanted)
    bucket = store.bucket(bucket_name)
    current = store.find(bucket_name, name)
    conditions.check(current.resource if current else None)
    fields = resources.merged({}, resources.writable(wanted))
    return store.put(bucket, name, data, {**fields, **resources.content_fields(data)})


def _named(request: Request, wanted: Resource) -> tuple[str, Resource]:
    """The object's name, from the query or the metadata, and the metadata with the query's encoding."""
    name = request.arg("name") or wanted.get("name")
    if not isinstance(name, str):
        raise ApiError(400, "required", "Required object name")
    names.check_object(name)
    encoding = request.arg("contentEncoding")
    return name, {**wanted, "contentEncoding": encoding} if encoding else wanted


def _how_far(size: int) -> Response:
    """308; without a Range header when nothing has arrived."""
    return Response(308, headers={"Range": f"bytes=0-{size - 1}"} if size else {})


def _multipart(request: Request) -> tuple[dict[str, Any], bytes]:
    """The metadata and the media of a `multipart/related` body."""
    header = email.message.Message()
    header["Content-Type"] = request.headers.get("Content-Type") or ""
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise ApiError(400, "invalid", "A multipart upload needs multipart/related with a boundary.")
    parts = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())[1:]
    if len(parts) != 3 or not parts[2].startswith(b"--"):
        raise ApiError(400, "invalid", "A multipart upload has two parts: metadata and media.")
    (_, metadata), (sent_type, media) = _part(parts[0]), _part(parts[1])
    wanted = parsed_json(metadata)
    return {"contentType": sent_type, **wanted} if sent_type else wanted, media


def _part(raw: bytes) -> tuple[str | None, bytes]:
    head, found, body = raw.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise ApiError(400, "invalid", "A part of the upload has no headers.")
    return email.parser.BytesHeaderParser().parsebytes(head).get("Content-Type"), body
