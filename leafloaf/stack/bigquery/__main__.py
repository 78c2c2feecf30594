"""Serve the stand-in: `python -m leafloaf.stack.bigquery --port P --data DIR`."""

import argparse
import logging
import pathlib

from leafloaf.stack import http
from leafloaf.stack.bigquery import api


def main() -> None:
    parser = argparse.ArgumentParser(prog="leafloaf.stack.bigquery", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder of bigquery.duckdb")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="bigquery stand-in: %(message)s")
    app, store = api.build(options.data)
    try:
        http.serve(app, options.port)
    finally:
        store.close()


main()
