"""The Storage Write API of the stand-in, as Google documents it, through Google's own client."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types
from google.cloud.bigquery_storage_v1.services.big_query_write import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf import descriptor_pb2

from leafloaf.stack import http
from leafloaf.stack.bigquery import api
from leafloaf.stack.bigquery.write_api import WriteServer
from leafloaf.stack.http import App

PATH = "projects/p/datasets/d/tables/t"
Proto = descriptor_pb2.FieldDescriptorProto
Codes = types.StorageError.StorageErrorCode
ID = ("id", 1, Proto.TYPE_STRING, Proto.LABEL_REQUIRED)
NUMBER = ("number", 2, Proto.TYPE_INT64, Proto.LABEL_OPTIONAL)
PRICE = ("price", 3, Proto.TYPE_STRING, Proto.LABEL_OPTIONAL)
ROWS = [b"\x0a\x01a\x10\x01", b"\x0a\x01b\x10\x02"]
"""{id: "a", number: 1} and {id: "b", number: 2} in protobuf's wire format."""


def described(*fields: tuple[Any, ...]) -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name="Row")
    for name, number, kind, label in fields:
        message.field.add(name=name, number=number, type=kind, label=label)
    return message


class Client:
    """Google's client for the calls, and the one for queries."""

    def __init__(self, app: App, url: str, address: str) -> None:
        self.app = app
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])
        self.writing = BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=self.channel))
        self.tables = bigquery.Client("p", AnonymousCredentials(), client_options={"api_endpoint": url})

    def create(self, path: str = PATH, kind: Any = types.WriteStream.Type.PENDING) -> str:
        made = self.writing.create_write_stream(parent=path, write_stream=types.WriteStream(type_=kind))
        return str(made.name)

    def append(
        self,
        stream: str,
        rows: Sequence[bytes] = ROWS,
        offset: int | None = None,
        schema: descriptor_pb2.DescriptorProto | None = None,
    ) -> Any:
        request = types.AppendRowsRequest(write_stream=stream)
        raw = types.AppendRowsRequest.pb(request)
        if offset is not None:
            raw.offset.value = offset
        raw.proto_rows.writer_schema.proto_descriptor.CopyFrom(schema or described(ID, NUMBER, PRICE))
        raw.proto_rows.rows.serialized_rows.extend(rows)
        (answer,) = self.writing.append_rows(iter([request]), timeout=60)
        return types.AppendRowsResponse.pb(answer)

    def finalize(self, stream: str) -> int:
        return int(self.writing.finalize_write_stream(name=stream).row_count)

    def commit(self, *streams: str) -> tuple[bool, list[Any]]:
        """Whether it was done, and what stopped it."""
        answer = self.writing.batch_commit_write_streams({"parent": PATH, "write_streams": streams})
        return bool(answer.commit_time), [error.code for error in answer.stream_errors]

    def held(self) -> list[tuple[str, int | None]]:
        found = self.tables.query_and_wait("SELECT id, number FROM `p.d.t` ORDER BY id, number")
        return [(row.id, row.number) for row in found]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    app, catalogue = api.opened(tmp_path)
    with http.Server(app) as server, WriteServer(app, catalogue) as writing:
        opened = Client(app, server.url, f"127.0.0.1:{writing.port}")
        opened.tables.create_dataset("d")
        opened.tables.create_table(
            bigquery.Table(
                "p.d.t",
                schema=[
                    bigquery.SchemaField("id", "STRING", "REQUIRED"),
                    bigquery.SchemaField("number", "INTEGER"),
                    bigquery.SchemaField("price", "NUMERIC"),
                ],
            )
        )
        yield opened
        opened.tables.close()
        opened.channel.close()
    catalogue.rows.close()


def test_rows_are_seen_when_they_are_committed_and_not_before(client: Client) -> None:
    stream = client.create()
    assert client.append(stream).append_result.offset.value == 0
    assert client.append(stream, offset=2).append_result.offset.value == 2
    assert client.held() == []
    assert client.finalize(stream) == 4
    assert client.held() == []
    assert client.commit(stream) == (True, [])
    assert client.held() == [("a", 1), ("a", 1), ("b", 2), ("b", 2)]
    assert client.writing.get_write_stream(name=stream).commit_time


def test_committed_rows_can_be_deleted_at_once(client: Client) -> None:
    stream = client.create()
    client.append(stream)
    client.finalize(stream)
    client.commit(stream)
    assert client.tables.get_table("p.d.t").streaming_buffer is None
    client.tables.query_and_wait("DELETE FROM `p.d.t` WHERE id = 'a'")
    assert client.held() == [("b", 2)]


def test_a_place_is_written_to_once(client: Client) -> None:
    stream = client.create()
    client.append(stream, offset=0)
    again, beyond = client.append(stream, offset=0), client.append(stream, offset=5)
    assert (again.error.code, beyond.error.code) == (6, 11)
    assert [storage_code(answer.error) for answer in (again, beyond)] == [
        Codes.OFFSET_ALREADY_EXISTS,
        Codes.OFFSET_OUT_OF_RANGE,
    ]
    assert client.finalize(stream) == 2


def storage_code(status: Any) -> Any:
    told = types.StorageError.pb(types.StorageError())
    assert status.details[0].Unpack(told)
    return Codes(told.code)


def test_a_stream_is_committed_once_and_only_when_it_is_finalized(client: Client) -> None:
    stream = client.create()
    client.append(stream)
    assert client.commit(stream) == (False, [Codes.INVALID_STREAM_STATE])
    client.finalize(stream)
    assert client.commit(stream) == (True, [])
    assert client.commit(stream) == (False, [Codes.STREAM_ALREADY_COMMITTED])
    assert len(client.held()) == 2


def test_streams_are_committed_together_or_not_at_all(client: Client) -> None:
    first, second = client.create(), client.create()
    for stream in (first, second):
        client.append(stream)
    client.finalize(first)
    assert client.commit(first, second) == (False, [Codes.INVALID_STREAM_STATE])
    assert client.held() == []
    client.finalize(second)
    assert client.commit(first, second) == (True, [])
    assert len(client.held()) == 4


def test_nothing_is_added_to_a_finalized_stream(client: Client) -> None:
    stream = client.create()
    client.finalize(stream)
    with pytest.raises(exceptions.InvalidArgument):
        client.append(stream)


def test_bad_rows_are_named_and_none_is_added(client: Client) -> None:
    stream = client.create()
    bad = [b"\x0a\x01a\x1a\x04dear", b"\x10\x01", b"\xff"]
    answer = client.append(stream, [ROWS[0], *bad])
    assert [found.index for found in answer.row_errors] == [1, 2, 3]
    assert answer.row_errors[0].code == types.RowError.RowErrorCode.FIELDS_ERROR
    assert "price" in answer.row_errors[0].message
    assert answer.error.code == 3
    assert client.finalize(stream) == 0


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        ((ID, ("colour", 2, Proto.TYPE_STRING, Proto.LABEL_OPTIONAL)), True),
        ((NUMBER,), False),
        ((ID, ("number", 2, Proto.TYPE_BOOL, Proto.LABEL_OPTIONAL)), False),
        ((ID, ("number", 2, Proto.TYPE_INT64, Proto.LABEL_REPEATED)), False),
        ((("id", 1, Proto.TYPE_STRING, Proto.LABEL_OPTIONAL),), False),
    ],
)
def test_rows_of_another_shape_are_refused(client: Client, fields: tuple[Any, ...], extra: bool) -> None:
    answer = client.append(client.create(), schema=described(*fields))
    assert answer.error.code == 3
    if extra:
        assert storage_code(answer.error) == Codes.SCHEMA_MISMATCH_EXTRA_FIELDS


def test_a_request_has_a_limit(client: Client) -> None:
    large = b"\x0a\xc0\x84\x3d" + b"x" * 1_000_000
    with pytest.raises(exceptions.InvalidArgument, match="too large"):
        client.append(client.create(), [large] * 11)


def test_what_is_not_there_is_not_found(client: Client) -> None:
    stream = client.create()
    with pytest.raises(exceptions.NotFound):
        client.create("projects/p/datasets/d/tables/nowhere")
    with pytest.raises(exceptions.NotFound):
        client.append(f"{PATH}/streams/nowhere")
    client.app.clock.advance(8 * 24 * 60 * 60)
    with pytest.raises(exceptions.NotFound):
        client.finalize(stream)
    assert client.commit(stream) == (False, [Codes.STREAM_NOT_FOUND])


def test_a_stream_does_not_outlive_its_table(client: Client) -> None:
    stream = client.create()
    table = client.tables.get_table("p.d.t")
    client.tables.delete_table(table)
    client.app.clock.advance(1)
    client.tables.create_table(bigquery.Table("p.d.t", schema=table.schema))
    with pytest.raises(exceptions.NotFound):
        client.finalize(stream)


def test_the_default_stream_is_known_and_other_kinds_are_not_made(client: Client) -> None:
    assert client.writing.get_write_stream(name=f"{PATH}/streams/_default").name.endswith("_default")
    with pytest.raises(exceptions.MethodNotImplemented):
        client.create(kind=types.WriteStream.Type.BUFFERED)
