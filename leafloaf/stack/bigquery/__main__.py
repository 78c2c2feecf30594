"""Serve the stand-in: `python -m leafloaf.stack.bigquery --port P --data DIR [--write-port P]`."""

import argparse
import logging
import pathlib
from contextlib import AbstractContextManager, nullcontext

from leafloaf.stack import http
from leafloaf.stack.bigquery import api
from leafloaf.stack.bigquery.catalogue import Catalogue


def main() -> None:
    parser = argparse.ArgumentParser(prog="leafloaf.stack.bigquery", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder of bigquery.duckdb")
    parser.add_argument("--write-port", type=int, help="for the Storage Write API; without it there is none")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="bigquery stand-in: %(message)s")
    app, catalogue = api.opened(options.data)
    try:
        http.serve(app, options.port, lambda: write_server(app, catalogue, options.write_port))
    finally:
        catalogue.rows.close()


def write_server(app: http.App, catalogue: Catalogue, port: int | None) -> AbstractContextManager[object]:
    if port is None:
        return nullcontext()
    from leafloaf.stack.bigquery.write_api import WriteServer  # gRPC is slow to import

    return WriteServer(app, catalogue, port)


main()
