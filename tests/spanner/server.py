"""A Spanner of our own that Google's client talks to: rows by key, serializable transactions, faults on request.

For machines without Google's emulator, and for what that cannot answer: quota, permissions, an answer that got lost
after the commit. It takes the DDL that `setup_spanner` makes and no other, and the queries of the sink and no other.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import grpc
from google.cloud.spanner_admin_database_v1.types import (
    CreateDatabaseRequest,
    Database,
    GetDatabaseRequest,
    UpdateDatabaseDdlRequest,
)
from google.cloud.spanner_admin_instance_v1.types import CreateInstanceRequest
from google.cloud.spanner_v1 import types as spanner
from google.longrunning import operations_pb2  # type: ignore[import-untyped]
from google.protobuf import any_pb2, empty_pb2

from capture.sinks import spanner as sink
from capture.sinks import spanner_calls

MOST_MUTATIONS = 80_000
CREATE = re.compile(r"CREATE TABLE (\w+) \(\n(.*?),?\n\) PRIMARY KEY \((.*?)\)(.*)", re.DOTALL)
COLUMN = re.compile(r"\s*(\w+) ([A-Z]+\w*(?:<.*?>)?(?:\(\w+\))?)(.*?),?$")
PARENT = re.compile(r"INTERLEAVE IN PARENT (\w+) ON DELETE CASCADE")
POLICY = re.compile(r"ROW DELETION POLICY \((.*)\)")
ADD_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.*)", re.DOTALL)
ALTER_POLICY = re.compile(r"ALTER TABLE (\w+) (?:ADD|REPLACE) ROW DELETION POLICY \((.*)\)")
GRAPH = re.compile(r"CREATE OR REPLACE PROPERTY GRAPH (\w+)")
KEYS = re.compile(r"(SOURCE|DESTINATION) KEY \((\w+)\) REFERENCES (\w+) \((\w+)\)")
ABORTED = (
    "Transaction was aborted. It was wounded by a higher priority transaction due to conflict on keys in range "
    "[[{0}], [{0}]), column {1} in table {2}."
)
LOST = "lost"
"""The answer never comes, though what was asked is done."""

Key = tuple[Any, ...]
Cell = tuple[str, Key, str]
"""What Spanner locks: a column of a row. A row that comes or goes changes each of its cells."""


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, said: str) -> None:
        super().__init__(said)
        self.code = code


@dataclass
class Fault:
    """What the next calls of a method are answered; `is_done` after doing what was asked."""

    method: str
    code: grpc.StatusCode
    times: int = 1
    is_done: bool = False
    said: str = "as the test wants it"


@dataclass
class Stored:
    columns: dict[str, tuple[str, bool]]
    key: int
    parent: str = ""
    policy: str = ""
    rows: dict[Key, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Transaction:
    """Which cells it has read, and how often each had been changed then."""

    seen: dict[Cell, int] = field(default_factory=dict)


@dataclass
class Spanner:
    """The servicer, of one database."""

    knows_graphs: bool = True
    tables: dict[str, Stored] = field(default_factory=dict)
    graphs: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    is_made: bool = False
    mutations: int = 0
    allowed: Callable[[str, str], bool] = lambda account, permission: True
    used: set[tuple[str, str]] = field(default_factory=set)
    lock: Any = field(default_factory=threading.RLock)
    sessions: set[str] = field(default_factory=set)
    transactions: dict[bytes, Transaction] = field(default_factory=dict)
    changed: dict[Cell, int] = field(default_factory=dict)
    operations: dict[str, operations_pb2.Operation] = field(default_factory=dict)
    began: str = ""
    kept: str = ""
    most_rows: int = 1_000_000
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def fail(self, method: str, code: grpc.StatusCode, times: int = 1, **more: Any) -> None:
        self.faults.append(Fault(method, code, times, **more))

    # Methods, by the names they have in the API

    def CreateSession(self, asked: Any) -> Any:
        name = f"{asked.database}/sessions/{next(self.numbers)}"
        self.sessions.add(name)
        return spanner.Session(name=name, multiplexed=asked.session.multiplexed)

    def Read(self, asked: Any) -> Any:
        self._know(asked.session)
        table = self._table(asked.table)
        unknown = set(asked.columns) - set(table.columns)
        if unknown:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Column not found: {unknown}")
        keys = [*self._keys(table, spanner.KeySet.pb(asked.key_set))]
        begun = self._begun(asked.transaction)
        if begun:
            wanted = {_key(one) for one in spanner.KeySet.pb(asked.key_set).keys}
            cells = [(asked.table, key, name) for key in {*keys, *wanted} for name in asked.columns]
            self.transactions[begun].seen |= {cell: self.changed.get(cell, 0) for cell in cells}
        rows = [[table.rows[key].get(name) for name in asked.columns] for key in sorted(keys)]
        if len(rows[: asked.limit or None]) > self.most_rows:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, "The result is larger than 10 MiB.")
        return _answer(rows[: asked.limit or None], begun)

    def ExecuteSql(self, asked: Any) -> Any:
        self._know(asked.session)
        if asked.sql == spanner_calls.TABLES:
            return _answer([[name, one.parent, one.policy] for name, one in self.tables.items()])
        if asked.sql == spanner_calls.COLUMNS:
            return _answer(
                [
                    [name, column, kind, "NO" if is_required else "YES"]
                    for name, one in self.tables.items()
                    for column, (kind, is_required) in one.columns.items()
                ]
            )
        if asked.sql == spanner_calls.KEPT:
            return _answer([[self.kept]] if self.kept else [])
        if asked.sql == spanner_calls.GRAPHS and self.knows_graphs:
            return _answer([[name] for name in self.graphs])
        if asked.sql == sink.DELIVERED:
            labels = _plain(spanner.ExecuteSqlRequest.pb(asked).params.fields["labels"])
            rows = self._table("DeliveredBatch").rows
            return _answer([[key[0], row["events"]] for key, row in rows.items() if key[0] in labels])
        if asked.sql.startswith("SELECT 1 FROM "):
            self._table(asked.sql.split()[3])
            return _answer([])
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Syntax error: {asked.sql}")

    def Commit(self, asked: Any) -> Any:
        self._know(asked.session)
        if asked.transaction_id:
            if asked.transaction_id not in self.transactions:
                raise Refused(grpc.StatusCode.NOT_FOUND, "Transaction not found")
            transaction = self.transactions.pop(asked.transaction_id)
            for (table, key, column), seen in transaction.seen.items():
                if self.changed.get((table, key, column), 0) != seen:
                    raise Refused(grpc.StatusCode.ABORTED, ABORTED.format(key[0], column, table))
        request = spanner.CommitRequest.pb(asked)
        size = sum(map(_size, request.mutations))
        if size > MOST_MUTATIONS:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{size} mutations are too many")
        before = {name: dict(table.rows) for name, table in self.tables.items()}
        try:
            for mutation in request.mutations:
                self._do(mutation)
        except Refused:
            for name, rows in before.items():
                self.tables[name].rows = rows
            raise
        self.mutations += size
        return spanner.CommitResponse(commit_timestamp=datetime.now(UTC))

    def Rollback(self, asked: Any) -> Any:
        self.transactions.pop(asked.transaction_id, None)
        return empty_pb2.Empty()

    def GetDatabase(self, asked: Any) -> Any:
        if not self.is_made:
            raise Refused(grpc.StatusCode.NOT_FOUND, "Database not found")
        return Database(name=asked.name)

    def CreateDatabase(self, asked: Any) -> Any:
        self.is_made = True
        return self._begin(Database.pb(Database(name=f"{asked.parent}/databases/x")))

    def CreateInstance(self, asked: Any) -> Any:
        raise Refused(grpc.StatusCode.ALREADY_EXISTS, "Instance exists")

    def UpdateDatabaseDdl(self, asked: Any) -> Any:
        for statement in asked.statements:
            self._define(statement)
        return self._begin(empty_pb2.Empty())

    def GetOperation(self, asked: Any) -> Any:
        return self.operations[asked.name]

    # What they do

    def _begin(self, message: Any) -> operations_pb2.Operation:
        """Work that takes a while, as Google's does: whoever wants to know when it is done asks again."""
        name = f"operations/{next(self.numbers)}"
        packed = any_pb2.Any()
        packed.Pack(message)
        self.operations[name] = operations_pb2.Operation(name=name, done=True, response=packed)
        return operations_pb2.Operation(name=name, done=False)

    def _know(self, session: str) -> None:
        if session not in self.sessions:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Session not found: {session}")

    def _table(self, name: str) -> Stored:
        if name not in self.tables:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Table not found: {name}")
        return self.tables[name]

    def _begun(self, selector: Any) -> bytes:
        if "begin" not in selector:
            return b""
        name = f"t{next(self.numbers)}".encode()
        self.transactions[name] = Transaction()
        return name

    def _keys(self, table: Stored, wanted: Any) -> Iterator[Key]:
        yield from table.rows if wanted.all_ else ()
        yield from (key for one in wanted.keys if (key := _key(one)) in table.rows)
        for one in wanted.ranges:
            closed, opened = _key(one.start_closed), _key(one.start_open)
            end = _key(one.end_closed)
            for key in table.rows:
                is_after = key[: len(opened)] > opened if opened else key[: len(closed)] >= closed
                if is_after and key[: len(end)] <= end:
                    yield key

    def _do(self, mutation: Any) -> None:
        kind = mutation.WhichOneof("operation")
        asked = getattr(mutation, kind)
        table = self._table(asked.table)
        if kind == "delete":
            for key in [*self._keys(table, asked.key_set)]:
                self._remove(asked.table, key)
            for one in asked.key_set.keys:  # a deletion of what is not there is one, too
                self._change(asked.table, _key(one), table.columns)
            return
        names = list(asked.columns)
        if unknown := set(names) - set(table.columns):
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Column not found: {unknown}")
        for row in asked.values:
            self._write(asked.table, table, dict(zip(names, map(_plain, row.values), strict=True)))

    def _write(self, name: str, table: Stored, given: dict[str, Any]) -> None:
        key = tuple(given[column] for column in [*table.columns][: table.key])
        if table.parent and key[:1] not in self.tables[table.parent].rows:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Parent row is missing of {name}")
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        told = {
            column: now if value == "spanner.commit_timestamp()" else value for column, value in given.items()
        }
        is_new, row = key not in table.rows, table.rows.get(key, {}) | told
        for column, (kind, is_required) in table.columns.items():
            _check(name, column, kind, row.get(column), is_required)
        table.rows[key] = row
        self._change(name, key, table.columns if is_new else [*given][table.key :])

    def _remove(self, name: str, key: Key) -> None:
        del self.tables[name].rows[key]
        self._change(name, key, self.tables[name].columns)
        for child, table in self.tables.items():
            if table.parent == name:
                for lower in [one for one in table.rows if one[: len(key)] == key]:
                    self._remove(child, lower)

    def _change(self, name: str, key: Key, columns: Iterable[str]) -> None:
        for column in columns:
            self.changed[name, key, column] = self.changed.get((name, key, column), 0) + 1

    def _define(self, statement: str) -> None:
        if found := CREATE.fullmatch(statement):
            name, columns, key, rest = found.groups()
            known = dict(_column(line) for line in columns.splitlines())
            parent, policy = PARENT.search(rest), POLICY.search(rest)
            if parent and parent[1] not in self.tables:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Table not found: {parent[1]}")
            size = len(key.split(", "))
            if [*known][:size] != key.split(", "):
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the key is not what comes first")
            self.tables[name] = Stored(known, size, parent[1] if parent else "", policy[1] if policy else "")
        elif found := ADD_COLUMN.fullmatch(statement):
            column, kind = _column(found[2])
            self._table(found[1]).columns[column] = kind
        elif found := ALTER_POLICY.fullmatch(statement):
            self._table(found[1]).policy = found[2]
        elif self.knows_graphs and (found := GRAPH.match(statement)):
            self._check_graph(statement)
            self.graphs.add(found[1])
        else:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Error parsing Spanner DDL: {statement}")

    def _check_graph(self, statement: str) -> None:
        """Every table is there, and every key of an edge is one of its columns and the key of the node it leads to."""
        element = ""
        for line in statement.splitlines():
            if named := re.match(r"  (\w+)(?: AS \w+)?(?: PROPERTIES.*)?,?$", line):
                element = named[1]
                self._table(element)
            for _, column, node, key in KEYS.findall(line):
                there, there_too = self._table(element).columns, self._table(node)
                if column not in there or [key] != [*there_too.columns][: there_too.key]:
                    raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"no such key: {line}")
                if there[column][0] != there_too.columns[key][0]:
                    raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"keys of other types: {line}")


PERMISSIONS = {
    "CreateSession": "spanner.sessions.create",
    "ExecuteSql": "spanner.databases.select",
    "Rollback": "spanner.databases.beginOrRollbackReadWriteTransaction",
    "GetDatabase": "spanner.databases.get",
    "CreateDatabase": "spanner.databases.create",
    "UpdateDatabaseDdl": "spanner.databases.updateDdl",
    "GetOperation": "spanner.databaseOperations.get",
}
"""Beside these, reading a table takes `spanner.databases.read`, writing one `write`, and a transaction its own."""


def needed(method: str, asked: Any) -> set[str]:
    """The permissions of a call (Spanner documentation, "IAM overview", permissions)."""
    transaction = "spanner.databases.beginOrRollbackReadWriteTransaction"
    if method == "Read":
        return {"spanner.databases.read"} | ({transaction} if "begin" in asked.transaction else set())
    if method == "Commit":
        return {"spanner.databases.write"} | (set() if asked.transaction_id else {transaction})
    return {PERMISSIONS[method]} if method in PERMISSIONS else set()


METHODS: dict[str, dict[str, type[Any]]] = {
    "google.spanner.v1.Spanner": {
        "CreateSession": spanner.CreateSessionRequest,
        "Read": spanner.ReadRequest,
        "ExecuteSql": spanner.ExecuteSqlRequest,
        "Commit": spanner.CommitRequest,
        "Rollback": spanner.RollbackRequest,
    },
    "google.spanner.admin.database.v1.DatabaseAdmin": {
        "GetDatabase": GetDatabaseRequest,
        "CreateDatabase": CreateDatabaseRequest,
        "UpdateDatabaseDdl": UpdateDatabaseDdlRequest,
    },
    "google.spanner.admin.instance.v1.InstanceAdmin": {"CreateInstance": CreateInstanceRequest},
    "google.longrunning.Operations": {"GetOperation": operations_pb2.GetOperationRequest},
}


@contextmanager
def running(store: Spanner | None = None) -> Iterator[tuple[Spanner, str]]:
    """A server and its address, `http://host:port`."""
    store = store or Spanner()
    server = grpc.server(ThreadPoolExecutor(8))
    for service, methods in METHODS.items():
        handlers = {name: _handler(store, name, kind) for name, kind in methods.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield store, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _handler(store: Spanner, name: str, kind: type[Any]) -> Any:
    def answer(asked: Any, context: grpc.ServicerContext) -> Any:
        try:
            with store.lock:
                return _answered(store, name, asked, _account(context))
        except Refused as refused:
            context.abort(refused.code, str(refused))

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=getattr(kind, "deserialize", None) or kind.FromString,
        response_serializer=_serialized,
    )


def _account(context: grpc.ServicerContext) -> str:
    told: Mapping[str, Any] = dict(context.invocation_metadata())
    return str(told.get("authorization", "")).removeprefix("Bearer ")


def _answered(store: Spanner, name: str, asked: Any, account: str) -> Any:
    store.calls.append(name)
    if name == "GetOperation":
        account = store.began  # the client does not say it here; Google knows by the credentials
    elif name in ("CreateDatabase", "UpdateDatabaseDdl"):
        store.began = account
    for permission in needed(name, asked):
        if not store.allowed(account, permission):
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"no {permission}")
        store.used.add((account, permission))
    fault = next((one for one in store.faults if one.method == name and one.times), None)
    if fault:
        fault.times -= 1
        if fault.is_done:
            getattr(store, name)(asked)
        raise Refused(fault.code, fault.said)
    return getattr(store, name)(asked)


def _serialized(message: Any) -> bytes:
    if hasattr(message, "SerializeToString"):
        return bytes(message.SerializeToString())
    return bytes(type(message).serialize(message))


def _answer(rows: list[list[Any]], begun: bytes = b"") -> Any:
    metadata = {"transaction": {"id": begun}} if begun else {}
    return spanner.ResultSet(metadata=metadata, rows=rows)


def _key(one: Any) -> Key:
    return tuple(map(_plain, one.values))


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return None if kind == "null_value" else getattr(value, kind)


def _size(mutation: Any) -> int:
    """As Google counts: a deletion is one whatever it takes with it, a row one for each of its columns."""
    asked = getattr(mutation, mutation.WhichOneof("operation"))
    if mutation.WhichOneof("operation") == "delete":
        return len(asked.key_set.keys) + len(asked.key_set.ranges)
    return len(asked.columns) * len(asked.values)


def _column(line: str) -> tuple[str, tuple[str, bool]]:
    found = COLUMN.fullmatch(line)
    if found is None:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Error parsing Spanner DDL: {line}")
    return found[1], (found[2], "NOT NULL" in found[3])


def _check(table: str, column: str, kind: str, value: Any, is_required: bool) -> None:
    text: Any = value
    if value is None:
        if is_required:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{table}.{column} must not be NULL")
        return
    expected = {"INT64": str, "FLOAT64": float, "BOOL": bool, "TIMESTAMP": str, "DATE": str}
    wanted = list if kind.startswith("ARRAY") else expected.get(kind, str)
    if not isinstance(value, wanted):
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{table}.{column} is {kind}, not {value!r}")
    if kind.startswith("STRING(") and kind[7:-1] != "MAX" and len(text) > int(kind[7:-1]):
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{table}.{column} is too long")
    if kind == "TIMESTAMP":
        datetime.fromisoformat(text)
