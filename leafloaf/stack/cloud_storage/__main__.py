"""Serve the stand-in: `python -m leafloaf.stack.cloud_storage --port P --data DIR`."""

import argparse
import logging
import pathlib

from leafloaf.stack import http
from leafloaf.stack.cloud_storage import api


def main() -> None:
    parser = argparse.ArgumentParser(prog="leafloaf.stack.cloud_storage", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder to keep objects in")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="cloud storage stand-in: %(message)s")
    app, store = api.build(options.data)
    try:
        http.serve(app, options.port)
    finally:
        store.close()


main()
