"""The calls of the Storage Write API that the sink makes, each with a time limit and none repeated by itself."""

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud.bigquery_storage_v1 import types
from google.cloud.bigquery_storage_v1.services.big_query_write import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf.descriptor_pb2 import DescriptorProto
from google.rpc.status_pb2 import Status

from capture.sinks import google_accounts
from capture.sinks.base import BatchRefused, Misconfigured, OverQuota, Unavailable

FAILURES = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    auth_exceptions.GoogleAuthError,
    grpc.RpcError,
)
LOCAL = "http://"
OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
"""Of a local server's connection: one that was restarted is found again soon."""
DEFAULT_STREAM = "_default"
"""Every table has it; nothing is written to it here, but it can be asked for."""

Codes = types.StorageError.StorageErrorCode
Pending = types.WriteStream.Type.PENDING
NOT_FOUND = {Codes.STREAM_NOT_FOUND, Codes.TABLE_NOT_FOUND}


class Unspoken(Misconfigured):
    """Whoever answers at the address does not know the Storage Write API."""


class Gone(Exception):
    """There is no such stream, so that nothing of it can ever be committed any more."""


class UnknownColumns(Exception):
    """The rows have columns that the table has not, or that BigQuery does not know of yet."""


class BadSchema(Exception):
    """BigQuery takes no rows of this description, or no such request."""


class Writer:
    """One connection to the Storage Write API.

    Args:
        endpoint: another address than Google's own; an http:// one is a local server and gets no credentials.
    """

    def __init__(self, endpoint: str = "", account: str = "") -> None:
        self.endpoint, self.account = endpoint, account

    @cached_property
    def client(self) -> BigQueryWriteClient:
        address = urlsplit(self.endpoint).netloc
        if self.endpoint.startswith(LOCAL):
            channel = grpc.insecure_channel(address, options=OPTIONS)
            return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))
        return BigQueryWriteClient(
            credentials=google_accounts.credentials(self.account, self.endpoint),
            client_options={"api_endpoint": address} if address else None,
        )

    def create(self, table: str, timeout: float) -> str:
        """A new pending stream into the table; returns its name."""
        wanted = types.WriteStream(type_=Pending)
        try:
            made = self.client.create_write_stream(
                parent=table, write_stream=wanted, timeout=timeout, retry=None
            )
        except FAILURES as error:
            raise classified(error) from error
        return str(made.name)

    def append(
        self, stream: str, rows: Sequence[bytes], schema: DescriptorProto, offset: int, timeout: float
    ) -> dict[int, str]:
        """Adds rows at this place of the stream, all of them or none.

        Rows that are there already are those: a stream is one attempt's own, and each place is written to once.

        Returns:
            What is wrong with which of the rows; nothing was added then.

        Raises:
            UnknownColumns, BadSchema: see there.
            Unavailable, Misconfigured, OverQuota: as for `BaseSink.deliver`.
        """
        try:
            answer = self._appended(_request(stream, rows, schema, offset), timeout)
        except FAILURES as error:
            _blame_the_rows(error)
            raise classified(error) from error
        if answer.row_errors:
            return {int(found.index): found.message for found in answer.row_errors}
        if answer.HasField("error") and answer.error.code != grpc.StatusCode.ALREADY_EXISTS.value[0]:
            said = of_status(answer.error)
            _blame_the_rows(said)
            raise classified(said) from said
        return {}

    def _appended(self, request: types.AppendRowsRequest, timeout: float) -> Any:
        """The one answer to one request; the sending side stays open until it is there."""
        is_over = threading.Event()

        def requests() -> Iterator[types.AppendRowsRequest]:
            yield request
            is_over.wait(timeout)

        routing = (("x-goog-request-params", f"write_stream={request.write_stream}"),)
        try:
            answers = self.client.append_rows(requests(), timeout=timeout, retry=None, metadata=routing)
            for answer in answers:
                return types.AppendRowsResponse.pb(answer)
        finally:
            is_over.set()
        raise exceptions.ServiceUnavailable("the connection was closed without an answer")

    def finalize(self, stream: str, timeout: float) -> int:
        """Closes the stream for more rows; returns how many it has."""
        try:
            return int(self.client.finalize_write_stream(name=stream, timeout=timeout, retry=None).row_count)
        except FAILURES as error:
            raise classified(error) from error

    def commit(self, table: str, stream: str, timeout: float) -> None:
        """Has the table show the rows of a finalized stream, all at once; once only, however often it is asked.

        Raises:
            Gone: see there.
            Unavailable, Misconfigured: also when nobody knows whether it was done.
        """
        request = types.BatchCommitWriteStreamsRequest(parent=table, write_streams=[stream])
        try:
            answer = self.client.batch_commit_write_streams(request, timeout=timeout, retry=None)
        except (exceptions.ClientError, exceptions.Unknown) as error:
            # What a stream is says more than how an error is worded: it may be that it was committed before.
            if isinstance(error, exceptions.NotFound) or not self.is_committed(stream, timeout):
                raise _gone_or_classified(error) from error
            return
        except FAILURES as error:
            raise classified(error) from error
        if answer.commit_time:
            return
        codes = {found.code for found in answer.stream_errors}
        if codes == {Codes.STREAM_ALREADY_COMMITTED} or self.is_committed(stream, timeout):
            return
        said = ", ".join(f"{found.code.name}: {found.error_message}" for found in answer.stream_errors)
        raise Gone(said) if codes & NOT_FOUND else Unavailable(f"the stream is not committed: {said}")

    def is_committed(self, stream: str, timeout: float) -> bool:
        """Whether the table shows the stream's rows.

        Raises:
            Gone: see there.
            Unavailable, Misconfigured: as for `BaseSink.deliver`.
        """
        try:
            return bool(self.client.get_write_stream(name=stream, timeout=timeout, retry=None).commit_time)
        except FAILURES as error:
            raise _gone_or_classified(error) from error

    def ask(self, table: str, timeout: float) -> None:
        """Whether the table can be written to.

        Raises:
            Unavailable, Misconfigured: as for `BaseSink.probe`.
        """
        name = f"{table}/streams/{DEFAULT_STREAM}"
        try:
            self.client.get_write_stream(name=name, timeout=timeout, retry=None)
        except FAILURES as error:
            raise classified(error) from error


def _request(
    stream: str, rows: Sequence[bytes], schema: DescriptorProto, offset: int
) -> types.AppendRowsRequest:
    request = types.AppendRowsRequest(write_stream=stream)
    raw = types.AppendRowsRequest.pb(request)
    raw.offset.value = offset
    raw.trace_id = "leafloaf"
    raw.proto_rows.writer_schema.proto_descriptor.CopyFrom(schema)
    raw.proto_rows.rows.serialized_rows.extend(rows)
    return request


def of_status(status: Status) -> exceptions.GoogleAPICallError:
    """The error that an answer carries, as if the call had ended with it."""
    known = (code for code in grpc.StatusCode if code.value[0] == status.code)
    code = next(known, grpc.StatusCode.UNKNOWN)
    error: exceptions.GoogleAPICallError = exceptions.from_grpc_status(
        code, status.message, details=list(status.details)
    )
    return error


def storage_codes(error: Exception) -> set[Any]:
    """What the Storage Write API itself calls the error."""
    found = set()
    for detail in getattr(error, "details", None) or ():
        told = types.StorageError.pb(types.StorageError())
        if hasattr(detail, "Unpack") and detail.Unpack(told):
            found.add(Codes(told.code))
    return found


def _blame_the_rows(error: Exception) -> None:
    """Raises what an append says of the rows' description; says nothing of other errors."""
    if Codes.SCHEMA_MISMATCH_EXTRA_FIELDS in storage_codes(error):
        raise UnknownColumns(str(error)) from error
    if type(error) in {exceptions.InvalidArgument, exceptions.BadRequest}:
        raise BadSchema(str(error)) from error


def _gone_or_classified(error: Exception) -> Exception:
    is_gone = isinstance(error, exceptions.NotFound) or storage_codes(error) & NOT_FOUND
    return Gone(str(error)) if is_gone else classified(error)


def classified(error: Exception) -> Exception:
    """Try later, or a person first.

    What is not known to need a person passes: a stream that failed is left, and the next attempt makes another.
    """
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.MethodNotImplemented):
        return Unspoken(said)
    if isinstance(error, exceptions.TooManyRequests):
        return OverQuota(said)
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized | exceptions.NotFound):
        return Misconfigured(said)
    if isinstance(error, auth_exceptions.GoogleAuthError) and not isinstance(
        error, auth_exceptions.TransportError
    ):
        return Misconfigured(said)
    if type(error) in {exceptions.InvalidArgument, exceptions.BadRequest}:
        return BatchRefused(said)
    return Unavailable(said)
