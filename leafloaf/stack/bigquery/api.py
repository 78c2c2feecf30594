"""The routes of BigQuery's REST API that the stand-in has.

https://cloud.google.com/bigquery/docs/reference/rest
"""

import datetime as dt
import pathlib
from typing import Any

from leafloaf.stack.bigquery import cells, jobs, streaming
from leafloaf.stack.bigquery.catalogue import Catalogue, etag
from leafloaf.stack.bigquery.jobs import Jobs
from leafloaf.stack.bigquery.queries import Outcome, Query, Runner
from leafloaf.stack.bigquery.schema import invalid, quoted
from leafloaf.stack.bigquery.store import Store, Table
from leafloaf.stack.http import ApiError, App, Request, Response, json_response

PROJECT = "/bigquery/v2/projects/{project}"
DATASET = PROJECT + "/datasets/{dataset}"
TABLE = DATASET + "/tables/{table}"
QUERY_KEYS = {
    "query",
    "useLegacySql",
    "defaultDataset",
    "queryParameters",
    "parameterMode",
    "useQueryCache",
    "priority",
    "kind",
    "maxResults",
    "timeoutMs",
    "dryRun",
    "formatOptions",
    "requestId",
    "location",
    "labels",
    "jobCreationMode",
    "jobTimeoutMs",
    "maximumBytesBilled",
    "destinationTable",
}


def build(folder: pathlib.Path) -> tuple[App, Store]:
    """The stand-in over the file in a folder, ready to be served, and the file, to be closed."""
    app, catalogue = opened(folder)
    return app, catalogue.rows


def opened(folder: pathlib.Path) -> tuple[App, Catalogue]:
    """The same, with what there is in the file, for another API over it."""
    app = App("bigquery")
    store = Store(folder, app.clock)
    catalogue = Catalogue(store)
    runner = Runner(catalogue)
    _add_datasets(app, catalogue)
    _add_tables(app, catalogue, runner)
    _add_rows(app, catalogue)
    _add_jobs(app, Jobs(runner))
    return app, catalogue


# Datasets


def _add_datasets(app: App, catalogue: Catalogue) -> None:
    def show(request: Request, resource: dict[str, Any], dataset: str) -> dict[str, Any]:
        project = request.params["project"]
        return {
            "kind": "bigquery#dataset",
            "etag": etag(resource),
            "id": f"{project}:{dataset}",
            "selfLink": f"{request.url}/bigquery/v2/projects/{project}/datasets/{dataset}",
            "datasetReference": {"projectId": project, "datasetId": dataset},
            **{name: value for name, value in resource.items() if name != "revision"},
        }

    @app.route("GET", PROJECT + "/datasets")
    def list_datasets(request: Request) -> Response:
        found = sorted(key for key in catalogue.datasets if key[0] == request.params["project"])
        shown = [show(request, catalogue.datasets[key], key[1]) for key in found]
        return _listed(request, "bigquery#datasetList", "datasets", shown)

    @app.route("POST", PROJECT + "/datasets")
    def insert_dataset(request: Request) -> Response:
        body = request.json()
        made = catalogue.create_dataset(request.params["project"], body)
        return json_response(show(request, made, body["datasetReference"]["datasetId"]))

    @app.route("GET", DATASET)
    def get_dataset(request: Request) -> Response:
        project, dataset = request.params["project"], request.params["dataset"]
        return json_response(show(request, catalogue.dataset(project, dataset), dataset))

    @app.route("PATCH", DATASET)
    def patch_dataset(request: Request) -> Response:
        project, dataset = request.params["project"], request.params["dataset"]
        changed = catalogue.patch_dataset(project, dataset, request.json(), request.headers.get("If-Match"))
        return json_response(show(request, changed, dataset))

    @app.route("DELETE", DATASET)
    def delete_dataset(request: Request) -> Response:
        project, dataset = request.params["project"], request.params["dataset"]
        catalogue.delete_dataset(project, dataset, request.flag("deleteContents"))
        return Response(204)


# Tables and views


def _add_tables(app: App, catalogue: Catalogue, runner: Runner) -> None:
    def show(request: Request, table: Table) -> dict[str, Any]:
        shown = _table_resource(request, table, catalogue)
        if table.view_query is None:
            shown |= _sizes(catalogue.rows, table)
        return shown

    @app.route("GET", DATASET + "/tables")
    def list_tables(request: Request) -> Response:
        tables = catalogue.tables_in(request.params["project"], request.params["dataset"])
        shown = [_table_resource(request, table, catalogue) for table in tables]
        return _listed(request, "bigquery#tableList", "tables", shown)

    @app.route("POST", DATASET + "/tables")
    def insert_table(request: Request) -> Response:
        project, dataset, body = request.params["project"], request.params["dataset"], request.json()
        query = _view_query(body)
        catalogue.dataset(project, dataset)
        columns = runner.columns_of(query, project) if query else None
        return json_response(show(request, catalogue.create_table(project, dataset, body, columns)))

    @app.route("GET", TABLE)
    def get_table(request: Request) -> Response:
        return json_response(show(request, _table(catalogue, request)))

    @app.route("PATCH", TABLE)
    def patch_table(request: Request) -> Response:
        table, body = _table(catalogue, request), request.json()
        query = _view_query(body)
        if query:
            if table.view_query is None:
                raise invalid(f"{table.id} is not a view")
            table = catalogue.replace_view(table, query, runner.columns_of(query, table.project))
            body = {name: value for name, value in body.items() if name not in ("view", "schema")}
        changed = catalogue.patch_table(table, body, None if query else request.headers.get("If-Match"))
        return json_response(show(request, changed))

    @app.route("DELETE", TABLE)
    def delete_table(request: Request) -> Response:
        catalogue.delete_table(_table(catalogue, request))
        return Response(204)


def _table(catalogue: Catalogue, request: Request) -> Table:
    params = request.params
    return catalogue.table(params["project"], params["dataset"], params["table"])


def _view_query(body: dict[str, Any]) -> str | None:
    view = body.get("view") or {}
    if view.get("useLegacySql"):
        raise ApiError(501, "notImplemented", "The stand-in has no legacy SQL")
    return view.get("query")


def _table_resource(request: Request, table: Table, catalogue: Catalogue) -> dict[str, Any]:
    path = f"projects/{table.project}/datasets/{table.dataset}/tables/{table.name}"
    return {
        "kind": "bigquery#table",
        "etag": etag(table.resource),
        "id": table.id,
        "selfLink": f"{request.url}/bigquery/v2/{path}",
        "tableReference": {"projectId": table.project, "datasetId": table.dataset, "tableId": table.name},
        "type": "TABLE" if table.view_query is None else "VIEW",
        "location": catalogue.dataset(table.project, table.dataset)["location"],
        **{name: value for name, value in table.resource.items() if name != "revision"},
    }


def _sizes(store: Store, table: Table) -> dict[str, Any]:
    """numRows leaves out what is still in the streaming buffer."""
    at_rest, buffered, oldest = store.statistics(table)
    sizes: dict[str, Any] = {"numRows": str(at_rest), "numBytes": "0", "numLongTermBytes": "0"}
    if buffered and oldest is not None:
        milliseconds = str(int(oldest.timestamp() * 1000))
        sizes["streamingBuffer"] = {
            "estimatedRows": str(buffered),
            "estimatedBytes": str(buffered * 100),
            "oldestEntryTime": milliseconds,
        }
    return sizes


def _listed(request: Request, kind: str, name: str, found: list[dict[str, Any]]) -> Response:
    start, wanted = _start(request), _wanted(request)
    end = len(found) if wanted is None else start + wanted
    page: dict[str, Any] = {"kind": kind, name: found[start:end], "totalItems": len(found)}
    if end < len(found):
        page["nextPageToken"] = str(end)
    return json_response(page)


def _start(request: Request) -> int:
    try:
        return int(request.arg("pageToken") or request.arg("startIndex") or 0)
    except ValueError as error:
        raise invalid("Invalid page token") from error


def _wanted(request: Request) -> int | None:
    value = request.arg("maxResults")
    return int(value) if value is not None else None


# Rows


def _add_rows(app: App, catalogue: Catalogue) -> None:
    lossy = streaming.LossyRows()

    @app.route("POST", TABLE + "/insertAll")
    def insert_all(request: Request) -> Response:
        content = request.content()
        if len(content) > streaming.REQUEST_BYTES:
            raise ApiError(
                413,
                "requestTooLarge",
                f"Request payload size exceeds the limit: {streaming.REQUEST_BYTES} bytes.",
            )
        table = _table(catalogue, request)
        return json_response(streaming.insert_all(table, request.json(), catalogue.rows, lossy))

    @app.route("GET", TABLE + "/data")
    def list_rows(request: Request) -> Response:
        table = _table(catalogue, request)
        if table.view_query is not None:
            raise invalid(f"Cannot list a table of type VIEW: {table.id}")
        wanted = [name for name in (request.arg("selectedFields") or "").split(",") if name]
        fields = tuple(f for f in table.fields if not wanted or f.name in wanted)
        names = ", ".join(quoted(f.name) for f in fields)
        condition = table.unexpired(app.clock.now())
        with catalogue.rows.reader() as cursor:
            text = f"SELECT {names} FROM {table.sql_name} WHERE {condition} ORDER BY rowid"  # noqa: S608
            rows = cursor.execute(text).fetchall()
        page = jobs.page(Outcome("SELECT", fields, rows), _start(request), _wanted(request), _format(request))
        del page["schema"]
        return json_response({"kind": "bigquery#tableDataList", "etag": etag(table.resource), **page})

    @app.route("POST", "/_standin/lose_rows")
    def lose_rows(request: Request) -> Response:
        body = request.json()
        try:
            lossy.set(str(body["table"]), int(body["every"]))
        except (KeyError, TypeError, ValueError) as error:
            raise invalid('Send {"table": name, "every": number}; 0 loses none') from error
        return json_response(body)

    @app.route("POST", "/_standin/streaming_buffer")
    def hold_rows(request: Request) -> Response:
        body = request.json()
        try:
            catalogue.rows.buffered_for = dt.timedelta(minutes=float(body["minutes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise invalid('Send {"minutes": number}: how long streamed rows cannot be changed') from error
        return json_response(body)


def _format(request: Request) -> str:
    prefix = "formatOptions."
    return cells.timestamps_of({k.removeprefix(prefix): v[-1] for k, v in request.query.items()})


# Jobs


def _add_jobs(app: App, all_jobs: Jobs) -> None:
    @app.route("POST", PROJECT + "/queries")
    def query(request: Request) -> Response:
        body = request.json()
        asked = _query(request, body, dry_run=bool(body.get("dryRun")))
        job = all_jobs.once(str(body.get("requestId") or ""), asked, {"location": body.get("location")})
        options = cells.timestamps_of(body.get("formatOptions") or {})
        wanted = body.get("maxResults")
        return json_response(_results("bigquery#queryResponse", job, 0, wanted, options))

    @app.route("GET", PROJECT + "/queries/{job}")
    def query_results(request: Request) -> Response:
        job = all_jobs.get(request.params["project"], request.params["job"])
        kind = "bigquery#getQueryResultsResponse"
        return json_response(_results(kind, job, _start(request), _wanted(request), _format(request)))

    @app.route("POST", PROJECT + "/jobs")
    def insert_job(request: Request) -> Response:
        body = request.json()
        configuration = body.get("configuration") or {}
        if "query" not in configuration:
            raise ApiError(501, "notImplemented", "The stand-in runs query jobs only")
        asked = _query(request, configuration["query"], dry_run=bool(configuration.get("dryRun")))
        job = all_jobs.start(asked, body.get("jobReference") or {}, configuration)
        if asked.dry_run and job.error:
            raise job.error
        return json_response(job.resource())

    @app.route("GET", PROJECT + "/jobs/{job}")
    def get_job(request: Request) -> Response:
        return json_response(all_jobs.get(request.params["project"], request.params["job"]).resource())

    @app.route("POST", PROJECT + "/jobs/{job}/cancel")
    def cancel_job(request: Request) -> Response:
        job = all_jobs.get(request.params["project"], request.params["job"])
        return json_response({"kind": "bigquery#jobCancelResponse", "job": job.resource()})

    @app.route("GET", PROJECT + "/jobs")
    def list_jobs(request: Request) -> Response:
        shown = [{**job.resource(), "state": "DONE"} for job in all_jobs.listed(request.params["project"])]
        return _listed(request, "bigquery#jobList", "jobs", shown)


def _query(request: Request, body: dict[str, Any], *, dry_run: bool) -> Query:
    if body.get("useLegacySql", True):
        raise ApiError(501, "notImplemented", "The stand-in has no legacy SQL")
    for key in body.keys() - QUERY_KEYS:
        if body[key]:
            raise ApiError(501, "notImplemented", f"The stand-in has no {key}")
    if not body.get("query"):
        raise invalid("Required parameter is missing: query")
    project, default = request.params["project"], body.get("defaultDataset")
    named = (default.get("projectId") or project, default["datasetId"]) if default else None
    return Query(body["query"], project, named, tuple(body.get("queryParameters") or []), dry_run)


def _results(kind: str, job: jobs.Job, start: int, wanted: int | None, timestamps: str) -> dict[str, Any]:
    if job.error or job.outcome is None:
        raise job.error or ApiError(500, "internalError", "The job has no outcome")
    answer = {
        "kind": kind,
        "jobReference": job.reference,
        "jobComplete": True,
        "cacheHit": False,
        "totalBytesProcessed": "0",
        **jobs.dml(job.outcome),
    }
    return answer | jobs.page(job.outcome, start, None if wanted is None else int(wanted), timestamps)
