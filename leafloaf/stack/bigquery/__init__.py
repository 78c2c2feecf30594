"""A strict local stand-in for BigQuery's REST API (development and tests only).

`python -m leafloaf.stack.bigquery --port P --data DIR` answers google-cloud-bigquery on 127.0.0.1.
Rows live in DIR/bigquery.duckdb, one schema for each "project.dataset". DuckDB allows one writing
process, so look at it through queries over HTTP while the stand-in runs and with `duckdb` when it
is stopped. What it cannot do it refuses with `notImplemented`; it never nods.

    schema.py      columns, their DuckDB types, which changes are allowed
    rows.py        what insertAll accepts in a cell, and what it says when it refuses
    catalogue.py   datasets, tables and views
    store.py       the file: rows in, expired partitions out
    streaming.py   tabledata.insertAll
    sql.py         GoogleSQL to DuckDB's
    partitions.py  which queries lack their partition filter
    queries.py     running a statement; parameters.py, its parameters; cells.py, its rows as JSON
    jobs.py        jobs and their pages
    api.py         the routes

With `--write-port P` it answers google-cloud-bigquery-storage on that port too, over the same file:

    write_rows.py     protobuf rows, and which descriptions of them fit a table
    write_streams.py  pending streams: appended to, finalized, committed
    write_api.py      the calls of BigQueryWrite over gRPC
"""
