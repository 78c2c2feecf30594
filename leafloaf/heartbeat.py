"""Whether a process is alive, for whoever supervises it: `python -m leafloaf.heartbeat web|worker|beat` exits with 0.

The web is asked over HTTP whether it lives, not whether it is ready: who cannot reach Postgres still answers. Worker
and scheduler touch a file in `HEARTBEAT_FOLDER`, the one as often as Celery's own heart beats, the other with each
wake-up that it sends; without that variable nothing is written. Imports no Django, since it is run every few seconds.
"""

import http.client
import os
import sys
import time
import urllib.request
from pathlib import Path

FOLDER = "HEARTBEAT_FOLDER"
STALE_SECONDS = 60.0
ANSWER_SECONDS = 4.0
FILES = ("worker", "beat")


def touch(name: str) -> None:
    if folder := os.environ.get(FOLDER):
        file_of(folder, name).touch()


def file_of(folder: str, name: str) -> Path:
    return Path(folder, f"leafloaf-{name}.alive")


def trouble(name: str) -> str:
    """What is wrong with the process, as a sentence; empty when nothing is."""
    if name == "web":
        return web_trouble(os.environ.get("PORT", "8000"), os.environ.get("ALLOWED_HOSTS", ""))
    if name not in FILES:
        return f"There is no process {name!r}: web, {', '.join(FILES)}."
    if not (folder := os.environ.get(FOLDER)):
        return f"{FOLDER} is not set: nobody knows whether {name} is alive."
    return file_trouble(file_of(folder, name), time.time())


def file_trouble(file: Path, now: float) -> str:
    try:
        age = now - file.stat().st_mtime
    except FileNotFoundError:
        return f"There is no {file} yet."
    return "" if age < STALE_SECONDS else f"{file} was touched {age:.0f} seconds ago."


def web_trouble(port: str, allowed_hosts: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/health/live", headers={"Host": host_of(allowed_hosts)}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310
            return ""
    except (OSError, http.client.HTTPException) as error:  # an answer of 400 or more is one too
        return f"The web does not answer: {error}"


def host_of(allowed_hosts: str) -> str:
    """A name that the web serves; it refuses all others."""
    first = next((word.strip() for word in allowed_hosts.split(",") if word.strip()), "localhost")
    return "localhost" if first == "*" else first.removeprefix(".")


def main() -> int:
    found = trouble(sys.argv[1] if len(sys.argv) > 1 else "web")
    if found:
        sys.stderr.write(f"{found}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
