"""The shop that the commands of the documentation are tried on: `make run`, in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import environ

from leafloaf.stack import ports, surroundings
from leafloaf.stack.services import REPOSITORY
from tests.docs.pages import Fence

ADDRESS = "127.0.0.1:8000"
SECONDS = 300
HEAD = """
set -euo pipefail
shopt -s inherit_errexit
"""
FAILING = """
echo '--- line {line}'
rm -f "$REFUSALS"
set +e
( set -e
{text}
)
failed=$?
set -e
if [ $failed = 0 ] && [ ! -e "$REFUSALS" ]; then echo 'nothing failed here'; exit 1; fi
rm -f "$REFUSALS"
"""
PLAIN = """
echo '--- line {line}'
{text}
if [ -e "$REFUSALS" ]; then echo "curl was refused: $(cat "$REFUSALS")"; exit 1; fi
"""
# `--fail-with-body` makes an error answer an exit code; the file remembers it where a pipe swallows that.
CURL = """#!/bin/sh
strict=--fail-with-body
for argument; do
  case $argument in --fail*) strict= ;; --*) ;; -*f*) strict= ;; esac
done
{curl} $strict "$@" || {{ code=$?; echo "$code" >> "$REFUSALS"; exit $code; }}
"""


@dataclass(frozen=True)
class Shop:
    """`folder` looks like the root of the repository, with the shop's own `var`."""

    address: str
    folder: Path
    variables: dict[str, str]

    def run(self, fences: Sequence[Fence]) -> tuple[int, str]:
        """One shell runs the fences in their order, as a reader would; its exit code, and what it said."""
        commands = "".join(
            (FAILING if fence.kind == "fails" else PLAIN).format(line=fence.line, text=fence.text)
            for fence in fences
        )
        Path(self.variables["REFUSALS"]).unlink(missing_ok=True)
        ran = subprocess.run(
            ["bash", "-c", HEAD + commands.replace(ADDRESS, self.address)],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        return ran.returncode, ran.stdout


@contextmanager
def running(tmp: Path) -> Iterator[Shop]:
    """`make run`, until the end of the block."""
    var, port = tmp / "var", ports.any_free()
    # Empty says "not set", and keeps the stack of the tests and a developer's own .env out of it.
    environment = {**os.environ, **dict.fromkeys(surroundings.SHARED, ""), "LEAFLOAF_VAR": str(var)}
    environment |= {"PORT": str(port), "SECRET_KEY": "", "LOG_LEVEL": "", "ALLOWED_HOSTS": ""}
    del environment["DJANGO_SETTINGS_MODULE"]  # who types `make run` has none
    with (tmp / "stack.log").open("w+") as log:
        stack = subprocess.Popen(
            [sys.executable, "-m", "leafloaf.stack"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env=environment,
        )
        try:
            _wait(var / "stack.json", stack)
            assert stack.poll() is None, (tmp / "stack.log").read_text()
            assert json.loads((var / "stack.json").read_text())["web"] == f"http://127.0.0.1:{port}"
            told = surroundings_of(var)
            yield Shop(f"127.0.0.1:{port}", _checkout(tmp, var), environment | told | tools(tmp))
        finally:
            stack.terminate()
            stack.wait(180)


def _wait(file: Path, stack: "subprocess.Popen[bytes]") -> None:
    """Until everything runs, or nothing does any more."""
    deadline = time.monotonic() + SECONDS
    while not file.exists() and stack.poll() is None:
        assert time.monotonic() < deadline, f"the shop does not run after {SECONDS} s"
        time.sleep(0.1)


def surroundings_of(var: Path) -> dict[str, str]:
    """What `make run` has written down for commands in another terminal."""
    found: dict[str, str] = {}

    class Reader(environ.Env):
        ENVIRON = found  # type: ignore[assignment]

    Reader.read_env(var / "stack.env")
    return found


def _checkout(tmp: Path, var: Path) -> Path:
    """What the documentation calls the repository's root; what its commands write stays here."""
    folder = tmp / "leafloaf"
    folder.mkdir()
    for path in REPOSITORY.iterdir():
        if path.name not in {"var", ".git", ".env"}:
            (folder / path.name).symlink_to(path)
    (folder / "var").symlink_to(var)
    return folder


def tools(tmp: Path) -> dict[str, str]:
    """A `curl` that does not take an error for an answer."""
    tools = tmp / "bin"
    tools.mkdir()
    (tools / "curl").write_text(CURL.format(curl=shutil.which("curl")))
    (tools / "curl").chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}", "REFUSALS": str(tmp / "refusals")}
