"""Datasets, tables and views: insert, get, list, patch, delete.

https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets
https://cloud.google.com/bigquery/docs/reference/rest/v2/tables
"""

import dataclasses
import re
from typing import Any

from leafloaf.stack.bigquery import schema, store
from leafloaf.stack.bigquery.schema import Fields, invalid, quoted
from leafloaf.stack.bigquery.store import INSERT_ID, STREAMED_AT, Key, Store, Table, schema_name
from leafloaf.stack.http import ApiError

DATASET_PROPERTIES = {
    "description",
    "friendlyName",
    "labels",
    "access",
    "location",
    "defaultPartitionExpirationMs",
    "maxTimeTravelHours",
    "storageBillingModel",
    "isCaseInsensitive",
    "resourceTags",
    "defaultCollation",
    "defaultRoundingMode",
}
TABLE_PROPERTIES = {
    "description",
    "friendlyName",
    "labels",
    "schema",
    "timePartitioning",
    "clustering",
    "view",
    "requirePartitionFilter",
    "resourceTags",
    "location",
}
OUTPUT_ONLY = {
    "kind",
    "etag",
    "id",
    "selfLink",
    "datasetReference",
    "tableReference",
    "creationTime",
    "lastModifiedTime",
    "type",
    "numRows",
    "numBytes",
    "numLongTermBytes",
    "streamingBuffer",
}


def not_found(what: str) -> ApiError:
    return ApiError(404, "notFound", f"Not found: {what}")


def duplicate(what: str) -> ApiError:
    return ApiError(409, "duplicate", f"Already Exists: {what}")


class Catalogue:
    """What there is, held in memory and written with the data."""

    def __init__(self, rows: Store) -> None:
        self.rows = rows
        self.datasets = rows.resources("dataset")
        self.tables: dict[Key, Table] = {}
        for key, resource in rows.resources("table").items():
            project, dataset, name = key
            fields = schema.parse(resource.get("schema"))
            self.tables[key] = Table(project, dataset, name, fields, resource)

    # Datasets

    def dataset(self, project: str, dataset: str) -> dict[str, Any]:
        found = self.datasets.get((project, dataset))
        if found is None:
            raise not_found(f"Dataset {project}:{dataset}")
        return found

    def create_dataset(self, project: str, resource: dict[str, Any]) -> dict[str, Any]:
        name = str((resource.get("datasetReference") or {}).get("datasetId", ""))
        if not re.fullmatch(r"\w{1,1024}", name):
            raise invalid(f'Invalid dataset ID "{name}".')
        kept = _properties(resource, DATASET_PROPERTIES)
        with self.rows.writing() as connection:
            if (project, name) in self.datasets:
                raise duplicate(f"Dataset {project}:{name}")
            connection.execute(f"CREATE SCHEMA {schema_name(project, name)}")
            given = {name: value for name, value in kept.items() if value is not None}
            kept = {"location": "US", "maxTimeTravelHours": "168", **given, **self._stamps(None)}
            store.save(connection, "dataset", (project, name), kept)
        self.datasets[project, name] = kept
        return kept

    def patch_dataset(
        self, project: str, dataset: str, patch: dict[str, Any], etag: str | None
    ) -> dict[str, Any]:
        with self.rows.writing() as connection:
            old = self.dataset(project, dataset)
            _expect(etag, old)
            changed = _merged(old, _properties(patch, DATASET_PROPERTIES)) | self._stamps(old)
            if changed.get("location") != old["location"]:
                raise invalid("Cannot change the location of a dataset")
            store.save(connection, "dataset", (project, dataset), changed)
        self.datasets[project, dataset] = changed
        return changed

    def delete_dataset(self, project: str, dataset: str, delete_contents: bool) -> None:
        with self.rows.writing() as connection:
            self.dataset(project, dataset)
            inside = [key for key in self.tables if key[:2] == (project, dataset)]
            if inside and not delete_contents:
                raise ApiError(400, "resourceInUse", f"Dataset {project}:{dataset} is still in use")
            for key in inside:
                store.save(connection, "table", key, None)
            store.save(connection, "dataset", (project, dataset), None)
            connection.execute(f"DROP SCHEMA {schema_name(project, dataset)} CASCADE")
        del self.datasets[project, dataset]
        for key in inside:
            del self.tables[key]

    # Tables and views

    def table(self, project: str, dataset: str, name: str) -> Table:
        found = self.tables.get((project, dataset, name))
        if found is None:
            raise not_found(f"Table {project}:{dataset}.{name}")
        return found

    def tables_in(self, project: str, dataset: str) -> list[Table]:
        self.dataset(project, dataset)
        inside = [t for key, t in self.tables.items() if key[:2] == (project, dataset)]
        return sorted(inside, key=lambda table: table.name)

    def create_table(
        self, project: str, dataset: str, resource: dict[str, Any], view_fields: Fields | None = None
    ) -> Table:
        """`view_fields` are the columns of a view, found by running it dry."""
        self.dataset(project, dataset)
        name = str((resource.get("tableReference") or {}).get("tableId", ""))
        if not re.fullmatch(r"[\w -]{1,1024}", name):
            raise invalid(f'Invalid table ID "{name}".')
        kept = _properties(resource, TABLE_PROPERTIES)
        fields = schema.parse(kept.get("schema")) if view_fields is None else view_fields
        self._inherit(project, dataset, kept)
        table = Table(project, dataset, name, fields, kept | _normal(fields) | self._stamps(None))
        _check_layout(table)
        with self.rows.writing() as connection:
            if table.key in self.tables:
                raise duplicate(f"Table {table.id}")
            if table.view_query is None:
                connection.execute(_create_statement(table))
            store.save(connection, "table", table.key, table.resource)
        self.tables[table.key] = table
        return table

    def replace_view(self, table: Table, query: str, fields: Fields) -> Table:
        resource = table.resource | {"view": {"query": query, "useLegacySql": False}} | _normal(fields)
        return self._replace(table, dataclasses.replace(table, fields=fields, resource=resource))

    def patch_table(self, table: Table, patch: dict[str, Any], etag: str | None) -> Table:
        with self.rows.lock:
            _expect(etag, table.resource)
            changes = _properties(patch, TABLE_PROPERTIES)
            resource = _merged(table.resource, changes)
            fields = schema.parse(resource.get("schema"))
            changed = dataclasses.replace(table, fields=fields, resource=resource | _normal(fields))
            if changed.partition_field != table.partition_field:
                raise invalid("Cannot change partitioning spec for a partitioned/non-partitioned table.")
            _check_layout(changed)
            return self._replace(table, changed)

    def _replace(self, old: Table, new: Table) -> Table:
        new = dataclasses.replace(new, resource=new.resource | self._stamps(old.resource))
        with self.rows.writing() as connection:
            if new.view_query is None:
                for action in schema.alterations(old.id, old.fields, new.fields):
                    connection.execute(f"ALTER TABLE {new.sql_name} {action}")
            store.save(connection, "table", new.key, new.resource)
        self.tables[new.key] = new
        return new

    def delete_table(self, table: Table) -> None:
        with self.rows.writing() as connection:
            if table.view_query is None:
                connection.execute(f"DROP TABLE {table.sql_name}")
            store.save(connection, "table", table.key, None)
        del self.tables[table.key]

    def _inherit(self, project: str, dataset: str, resource: dict[str, Any]) -> None:
        default = self.dataset(project, dataset).get("defaultPartitionExpirationMs")
        partitioning = resource.get("timePartitioning")
        if default and partitioning:
            resource["timePartitioning"] = {"expirationMs": default, **partitioning}

    def _stamps(self, old: dict[str, Any] | None) -> dict[str, Any]:
        """Creation and change times, and a revision from which the etag is made."""
        now = str(int(self.rows.clock.now().timestamp() * 1000))
        created, revision = (old["creationTime"], old["revision"]) if old else (now, 0)
        return {"creationTime": created, "lastModifiedTime": now, "revision": revision + 1}


def etag(resource: dict[str, Any]) -> str:
    return f'"{resource["creationTime"]}-{resource["revision"]}"'


def _expect(wanted: str | None, resource: dict[str, Any]) -> None:
    if wanted not in (None, "*", etag(resource)):
        raise ApiError(
            412, "conditionNotMet", "Precondition Failed", location="If-Match", locationType="header"
        )


def _properties(resource: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """What is kept. A property that would be ignored is refused instead, unless it is empty."""
    for name, value in resource.items():
        if name not in known | OUTPUT_ONLY and value:
            raise ApiError(501, "notImplemented", f"The stand-in has no {name}")
    return {name: value for name, value in resource.items() if name in known}


def _merged(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Patch semantics: null removes, label by label."""
    merged = {**old, **patch}
    if patch.get("labels"):
        merged["labels"] = {**(old.get("labels") or {}), **patch["labels"]}
        merged["labels"] = {k: v for k, v in merged["labels"].items() if v is not None}
    return {name: value for name, value in merged.items() if value is not None}


def _normal(fields: Fields) -> dict[str, Any]:
    return {"schema": {"fields": [f.resource() for f in fields]}} if fields else {}


def _create_statement(table: Table) -> str:
    columns = [f"{quoted(f.name)} {f.duckdb_type}{' NOT NULL' * f.is_required}" for f in table.fields]
    columns += [f"{STREAMED_AT} TIMESTAMPTZ", f"{INSERT_ID} VARCHAR"]
    return f"CREATE TABLE {table.sql_name} ({', '.join(columns)})"


def _check_layout(table: Table) -> None:
    """https://cloud.google.com/bigquery/docs/partitioned-tables#limitations and …/clustered-tables."""
    partitioning = table.resource.get("timePartitioning")
    if partitioning:
        _check_partitioning(table, partitioning)
    elif table.requires_filter:
        raise invalid("requirePartitionFilter can only be set on a partitioned table")
    fields = {f.name: f for f in table.fields}
    clustering = (table.resource.get("clustering") or {}).get("fields") or []
    if len(clustering) > 4:
        raise invalid("Too many clustering fields: at most 4 are allowed")
    for name in clustering:
        field = fields.get(name)
        if field is None or field.is_repeated or field.type in ("RECORD", "JSON", "FLOAT", "BYTES", "TIME"):
            raise invalid(f"Field {name} cannot be used for clustering")


def _check_partitioning(table: Table, partitioning: dict[str, Any]) -> None:
    if partitioning.get("type") != "DAY" or not partitioning.get("field"):
        raise ApiError(501, "notImplemented", "The stand-in partitions by DAY of a column only")
    field = next((f for f in table.fields if f.name == partitioning["field"]), None)
    if field is None:
        raise invalid(f"The field specified for partitioning cannot be found in the schema: {partitioning}")
    if field.type not in ("TIMESTAMP", "DATE", "DATETIME") or field.is_repeated:
        raise invalid("The field specified for partitioning must be a TIMESTAMP, DATE or DATETIME")
