"""Whether something is known against a package that is pinned here: `make lint` asks, with pip-audit.

What is found fails. Where nobody can be asked, the rest of `make lint` goes on, and this says that it was left out: no
answer is not a good one.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from leafloaf.stack.services import REPOSITORY

SECONDS = 30
PINNED = REPOSITORY / "requirements-dev.txt"
"""All that is installed, for it includes the others."""
FIRST, FIRST_SECONDS = "django==", 10
LEFT_OUT = """
************************************************************************
*  The dependency audit was LEFT OUT: {why}
*  Nothing is known of the packages that are pinned here. Run `make lint`
*  again where the vulnerability service can be reached.
************************************************************************
"""


def main() -> int:
    """1 when something is known against a pinned package."""
    try:
        packages = audited(PINNED)
    except NoAnswerError as error:
        print(LEFT_OUT.format(why=error), file=sys.stderr)
        return 0
    told, findings = judged(packages)
    print(told, file=sys.stderr if findings else sys.stdout)
    return 1 if findings else 0


class NoAnswerError(Exception):
    """The service was not reached, or not in time."""


def audited(pinned: Path) -> list[dict[str, Any]]:
    """What is known of every package; who says nothing of the first is not asked about the others.

    Raises:
        NoAnswerError: of none.
    """
    began = time.monotonic()
    first = next(line for line in pinned.read_text().splitlines() if line.startswith(FIRST))
    with tempfile.TemporaryDirectory() as folder:
        (alone := Path(folder) / "requirements.txt").write_text(first)
        asked(alone, FIRST_SECONDS)
    return asked(pinned, SECONDS - (time.monotonic() - began))


def asked(file: Path, seconds: float = SECONDS, command: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """What is known of the packages of a file.

    Raises:
        NoAnswerError: of none.
    """
    options = [
        "--disable-pip",
        "--no-deps",
        "--progress-spinner",
        "off",
        "--format",
        "json",
        "--timeout",
        "10",
    ]
    asking = list(command) or [sys.executable, "-m", "pip_audit", *options]
    asking += ["--requirement", str(file)]
    try:
        answer = subprocess.run(asking, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError(f"there was no answer within {seconds:.1f} seconds.") from error
    try:
        packages: list[dict[str, Any]] = json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        last = (answer.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise NoAnswerError(f"it ended with {last!r}.") from error
    if not any("vulns" in package for package in packages):
        raise NoAnswerError("the vulnerability service could not be reached.")
    return packages


def judged(packages: list[dict[str, Any]]) -> tuple[str, int]:
    """What to say, and how many things were found."""
    unknown = [package["name"] for package in packages if "vulns" not in package]
    findings = [
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages
        for found in package.get("vulns", [])
    ]
    lines = [f"{len(packages) - len(unknown)} packages audited, {len(findings)} findings.", *findings]
    if unknown:
        lines.append(f"Nothing could be learned of {len(unknown)}: {', '.join(unknown)}.")
    return "\n".join(lines), len(findings)


if __name__ == "__main__":
    raise SystemExit(main())
