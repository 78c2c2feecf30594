"""The audit fails for what it finds and says so when it could not look; a program plays pip-audit."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from leafloaf.stack import dependency_audit
from leafloaf.stack.dependency_audit import PINNED, NoAnswerError

GOOD = {"name": "bread", "version": "1.0", "vulns": []}
BAD = {"name": "jam", "version": "2.0", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["2.1"]}]}
SKIPPED = {"name": "tea", "skip_reason": "not found"}


def answering(*packages: dict[str, Any]) -> tuple[str, ...]:
    told = json.dumps({"dependencies": packages})
    return sys.executable, "-c", f"print({told!r})"


def test_what_is_found_is_named_with_its_remedy() -> None:
    told, findings = dependency_audit.judged(dependency_audit.asked(PINNED, command=answering(GOOD, BAD)))
    assert findings == 1
    assert "jam 2.0: CVE-2026-1, mended in 2.1" in told


def test_a_package_nothing_is_known_of_is_named() -> None:
    told, findings = dependency_audit.judged(dependency_audit.asked(PINNED, command=answering(GOOD, SKIPPED)))
    assert findings == 0
    assert "1 packages audited" in told
    assert "tea" in told


def test_nothing_known_of_all_is_no_good_answer() -> None:
    with pytest.raises(NoAnswerError, match="could not be reached"):
        dependency_audit.asked(PINNED, command=answering(SKIPPED))


def test_a_program_that_breaks_is_no_good_answer() -> None:
    with pytest.raises(NoAnswerError, match="no network"):
        dependency_audit.asked(PINNED, command=(sys.executable, "-c", "raise SystemExit('no network')"))


def test_it_is_not_waited_for_longer_than_said() -> None:

    with pytest.raises(NoAnswerError, match=r"within 0\.2 seconds"):
        dependency_audit.asked(PINNED, 0.2, (sys.executable, "-c", "import time; time.sleep(30)"))


@pytest.mark.parametrize(("packages", "code"), [((GOOD,), 0), ((GOOD, BAD), 1), ((SKIPPED,), 0)])
def test_lint_goes_on_unless_something_is_found(
    packages: tuple[dict[str, Any], ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = dependency_audit.asked
    monkeypatch.setattr(
        dependency_audit, "asked", lambda file, seconds=30.0: real(file, 120.0, answering(*packages))
    )
    assert dependency_audit.main() == code
    said = capsys.readouterr()
    assert ("LEFT OUT" in said.err) == (packages == (SKIPPED,))


def test_who_says_nothing_of_the_first_package_is_not_asked_about_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files: list[Path] = []

    def noting(file: Path, seconds: float = 30.0) -> list[dict[str, Any]]:
        files.append(file)
        raise NoAnswerError("away")

    monkeypatch.setattr(dependency_audit, "asked", noting)
    assert dependency_audit.main() == 0
    assert len(files) == 1
    assert files != [PINNED]
