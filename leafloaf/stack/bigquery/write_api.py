"""google.cloud.bigquery.storage.v1.BigQueryWrite over gRPC: what the stand-in has of it.

https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1

It knows pending streams; of the default one only that it is there. A call is disturbed by injected faults as a request
over HTTP is: its method is GRPC, its path the call's, and what it is about is the query:
`GRPC /google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows?projects/…/streams/…`. The `status` of a fault is the
HTTP one that stands for the gRPC code; its `reason` may be one of the API's own codes, such as STREAM_NOT_FOUND.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc
from google.cloud.bigquery_storage_v1 import types
from google.rpc import status_pb2
from grpc_status import rpc_status

from leafloaf.stack.bigquery import streaming
from leafloaf.stack.bigquery.catalogue import Catalogue
from leafloaf.stack.bigquery.rows import RefusedRow
from leafloaf.stack.bigquery.write_rows import ExtraFields, Reader, WrongSchema
from leafloaf.stack.bigquery.write_streams import Codes, Stream, StreamError, Streams
from leafloaf.stack.http import STATUS_NAMES, App
from leafloaf.stack.standin import Action

log = logging.getLogger(__name__)

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
REQUEST_BYTES = 10 * 1024 * 1024
MESSAGE_BYTES = 64 * 1024 * 1024
DEFAULT = "_default"
THREADS = 16
OK = 200
Handler = Callable[[Any], Any]


class WriteServer:
    """Serves the API on 127.0.0.1 between `with` and its end; port 0 picks a free one."""

    def __init__(self, app: App, catalogue: Catalogue, port: int = 0) -> None:
        self.app, self.streams = app, Streams(catalogue)
        options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
        self.pool = ThreadPoolExecutor(THREADS)
        self.server = grpc.server(self.pool, options=options)
        self.server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop(grace=0).wait()
        self.pool.shutdown()

    def _handlers(self) -> grpc.GenericRpcHandler:
        calls: dict[str, tuple[Handler, Any, Any]] = {
            "CreateWriteStream": (self._create, types.CreateWriteStreamRequest, types.WriteStream),
            "GetWriteStream": (self._get, types.GetWriteStreamRequest, types.WriteStream),
            "FinalizeWriteStream": (
                self._finalize,
                types.FinalizeWriteStreamRequest,
                types.FinalizeWriteStreamResponse,
            ),
            "BatchCommitWriteStreams": (
                self._commit,
                types.BatchCommitWriteStreamsRequest,
                types.BatchCommitWriteStreamsResponse,
            ),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._answering(name, handler), asked.deserialize, answered.serialize
            )
            for name, (handler, asked, answered) in calls.items()
        }
        handlers["AppendRows"] = grpc.stream_stream_rpc_method_handler(
            self._append, types.AppendRowsRequest.deserialize, types.AppendRowsResponse.serialize
        )
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    # Around every call

    def _answering(self, name: str, handler: Handler) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            return self._answer(name, handler, request, context)

        return answer

    def _answer(self, name: str, handler: Handler, request: Any, context: grpc.ServicerContext) -> Any:
        target = f"/{SERVICE}/{name}?{_about(request)}"
        try:
            answer = self._disturbed(target, handler, request)
        except StreamError as error:
            self.app.requests.note("GRPC", target, error.status.value[0])
            context.abort_with_status(rpc_status.to_status(_status(error)))
        except Exception:
            log.exception("the stand-in failed at %s", target)
            context.abort(grpc.StatusCode.INTERNAL, "The stand-in failed; see its log.")
        self.app.requests.note("GRPC", target, OK)
        return answer

    def _disturbed(self, target: str, handler: Handler, request: Any) -> Any:
        if self.app.is_closing:
            raise StreamError(grpc.StatusCode.UNAVAILABLE, "The stand-in is closing.")
        raw = type(request).serialize(request)
        before, after = self.app.faults.draw("GRPC", target, raw)
        _act(before)
        answer = handler(request)
        _act(after)
        return answer

    # The calls

    def _create(self, request: Any) -> Any:
        if request.write_stream.type_ != types.WriteStream.Type.PENDING:
            raise StreamError(grpc.StatusCode.UNIMPLEMENTED, "The stand-in has pending streams only")
        return _resource(self.streams.create(request.parent))

    def _get(self, request: Any) -> Any:
        path, _, stream = request.name.partition("/streams/")
        if stream == DEFAULT:
            self.streams.table(path)
            return types.WriteStream(name=request.name, type_=types.WriteStream.Type.COMMITTED)
        return _resource(self.streams.get(request.name))

    def _finalize(self, request: Any) -> Any:
        return types.FinalizeWriteStreamResponse(row_count=self.streams.finalize(request.name))

    def _commit(self, request: Any) -> Any:
        if not request.write_streams:
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, "No streams to commit")
        committed_at, errors = self.streams.commit(request.parent, list(request.write_streams))
        told = [
            types.StorageError(code=error.code, entity=error.entity, error_message=error.message)
            for error in errors
        ]
        return types.BatchCommitWriteStreamsResponse(commit_time=committed_at, stream_errors=told)

    def _append(self, requests: Iterable[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """One connection: the first request says into which stream and how rows are described."""
        stream, reader = "", None
        for request in requests:
            if stream and request.write_stream not in ("", stream):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "One connection writes to one stream")
            stream = stream or request.write_stream
            request.write_stream = stream

            def handle(sent: Any, known: Reader | None = reader) -> Any:
                return self._appended(sent, known)

            answer, reader = self._answer("AppendRows", handle, request, context)
            yield answer

    def _appended(self, request: Any, reader: Reader | None) -> tuple[Any, Reader | None]:
        raw = types.AppendRowsRequest.pb(request)
        if raw.ByteSize() > REQUEST_BYTES:
            said = f"AppendRows request too large: {raw.ByteSize()} limit {REQUEST_BYTES}"
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, said)
        stream = self.streams.get(raw.write_stream)
        try:
            reader = self._reader(raw, stream, reader)
            return self._stored(raw, stream, reader), reader
        except ExtraFields as error:
            code = Codes.SCHEMA_MISMATCH_EXTRA_FIELDS
            refused = StreamError(grpc.StatusCode.INVALID_ARGUMENT, str(error), code, stream.name)
        except WrongSchema as error:
            refused = StreamError(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except StreamError as error:
            if error.status not in IN_THE_ANSWER:
                raise
            refused = error
        return types.AppendRowsResponse(error=_status(refused), write_stream=stream.name), reader

    def _reader(self, raw: Any, stream: Stream, reader: Reader | None) -> Reader:
        described = raw.proto_rows.writer_schema.proto_descriptor
        if described.field:
            return Reader(described, stream.table.fields)
        if reader is None:
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, "The first request lacks a writer schema")
        return reader

    def _stored(self, raw: Any, stream: Stream, reader: Reader) -> Any:
        sent = raw.proto_rows.rows.serialized_rows
        if not sent:
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, "No rows in the request")
        rows, errors = self._read(sent, stream, reader)
        answer = types.AppendRowsResponse(write_stream=stream.name)
        if errors:
            answer.row_errors = errors
            said = "Errors found while processing rows. Please refer to the row_errors field for details."
            refused = StreamError(grpc.StatusCode.INVALID_ARGUMENT, f"{said} Entity: {stream.name}")
            answer.error = _status(refused)
            return answer
        offset = self.streams.append(stream.name, raw.offset.value if raw.HasField("offset") else None, rows)
        result = types.AppendRowsResponse.AppendResult(offset=offset)
        answer.append_result = result
        return answer

    def _read(
        self, sent: Iterable[bytes], stream: Stream, reader: Reader
    ) -> tuple[list[dict[str, Any]], list[Any]]:
        rows: list[dict[str, Any]] = []
        errors: list[Any] = []
        now = self.app.clock.now()
        for index, each in enumerate(sent):
            try:
                row = reader.read(each)
                streaming.check_partition(stream.table, row, now)
                rows.append(row)
            except RefusedRow as refused:
                where = f"Field {refused.location}: " if refused.location else ""
                errors.append(
                    types.RowError(
                        index=index,
                        code=types.RowError.RowErrorCode.FIELDS_ERROR,
                        message=f"{where}{refused.message}",
                    )
                )
        return rows, errors


IN_THE_ANSWER = {grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.OUT_OF_RANGE}
"""Of an append: told in its answer, after which the connection goes on."""


def _about(request: Any) -> str:
    for field in ("write_stream", "parent", "name"):
        value = getattr(request, field, "")
        if isinstance(value, str) and value:
            return value
    return ""


def _resource(stream: Stream) -> Any:
    return types.WriteStream(
        name=stream.name,
        type_=types.WriteStream.Type.PENDING,
        create_time=stream.created_at,
        commit_time=stream.committed_at,
    )


def _status(error: StreamError) -> status_pb2.Status:
    status = status_pb2.Status(code=error.status.value[0], message=error.message)
    if error.code is not None:
        told = types.StorageError(code=error.code, entity=error.entity, error_message=error.message)
        status.details.add().Pack(types.StorageError.pb(told))
    return status


def _act(action: Action) -> None:
    """Carries out a fault's action."""
    if action.delay_seconds:
        time.sleep(action.delay_seconds)
    if action.hang_up:
        raise StreamError(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    if action.status is not None:
        status = grpc.StatusCode[STATUS_NAMES.get(action.status, "UNKNOWN")]
        code = getattr(Codes, action.reason, None)
        raise StreamError(status, "A fault was injected.", code)
