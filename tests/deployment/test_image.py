"""The Dockerfile, what goes into the image, and what the image runs; carrying it out is in test_image_runs.py."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from leafloaf import heartbeat
from leafloaf.stack.application import Application
from leafloaf.stack.services import REPOSITORY
from tests.deployment.dockerfile import Context, steps

DOCKERFILE = REPOSITORY / "Dockerfile"
ENTRY = REPOSITORY / "leafloaf" / "deployment" / "leafloaf"
SECRETS = re.compile(r"secret|password|token|credential|_key", re.IGNORECASE)
CODE = {".py", ".html"}
SETTINGS = re.compile(r"\.env|\.(?:pem|key|p12)$")


def said(word: str) -> list[str]:
    return [step.text for step in steps(DOCKERFILE) if step.word == word]


def test_the_linter_finds_nothing() -> None:
    program = shutil.which("hadolint", path=str(REPOSITORY / ".venv" / "bin")) or shutil.which("hadolint")
    assert program, "hadolint is in requirements-dev.txt"
    done = subprocess.run([program, DOCKERFILE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_base_is_named_by_a_whole_version_and_every_package_by_its_hash() -> None:
    [base] = [text for text in said("ARG") if text.startswith("BASE=")]
    assert re.fullmatch(r"BASE=python:3\.\d+\.\d+-slim-\w+", base)
    assert all(text.startswith("${BASE}") for text in said("FROM"))
    assert all("--require-hashes" in text for text in said("RUN") if "install" in text)
    pinned = (REPOSITORY / "requirements.txt").read_text()
    lines = [line for line in pinned.splitlines() if re.match(r"\w", line)]
    assert lines
    assert all(re.search(r"==\S+.* \\$", line) for line in lines)


def test_it_runs_as_a_number_that_is_not_roots() -> None:
    [user] = said("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    words = [step.word for step in steps(DOCKERFILE)]
    assert "RUN" not in words[len(words) - words[::-1].index("FROM") :], "the last stage only copies"


def test_no_layer_holds_a_secret() -> None:
    assert not [text for text in said("ARG") + said("ENV") if SECRETS.search(text)]
    sent = [Path(path) for path in Context(REPOSITORY).files()]
    assert not [path for path in sent if SECRETS.search(path.name) and path.suffix not in CODE]
    assert not [path for path in sent if SETTINGS.search(path.name) and path.suffix != ".example"]


def test_only_what_production_runs_is_sent_to_the_builder() -> None:
    sent = set(Context(REPOSITORY).files())
    assert {"manage.py", "requirements.txt", "leafloaf/deployment/leafloaf", "leafloaf/settings.py"} <= sent
    assert any(path.startswith("templates/") for path in sent)
    beginnings = {path.split("/")[0] for path in sent}
    assert beginnings == {
        "capture",
        "leafloaf",
        "manage.py",
        "personalization",
        "privacy",
        "requirements-semantic.txt",
        "requirements.txt",
        "templates",
    }
    assert not [path for path in sent if path.startswith("leafloaf/stack") or "__pycache__" in path]


def test_the_web_server_is_asked_for_what_make_run_asks_for() -> None:
    """But for the address, the port and how many."""
    own = Application(Path("/nowhere"), 8000).web().command[3:]
    asked = re.sub(r"\\\n", " ", ENTRY.read_text()).split("exec granian ")[1].split("\n")[0].split()
    asked = [re.sub(r'^"\$\{\w+:-(.*)\}"$', r"\1", word) for word in asked]
    assert sorted(asked) == sorted(own)


def test_the_worker_is_asked_for_what_make_run_asks_for() -> None:
    _, worker, beat = Application(Path("/nowhere"), 8000).servers()
    assert "worker -P threads --without-mingle --without-gossip\n" in ENTRY.read_text()
    assert settings.CELERY_WORKER_CONCURRENCY == 4, "WORKER_THREADS, in place of -c"
    assert list(worker.command[-4:]) == ["-P", "threads", "--without-mingle", "--without-gossip"]
    assert "-s" in beat.command


def test_the_worker_tells_what_it_counts_and_containers_do_not_share_where() -> None:
    assert 'export METRICS_PORT="${METRICS_PORT:-9464}"' in ENTRY.read_text()
    [environment] = said("ENV")
    assert "PROMETHEUS_MULTIPROC_DIR=/tmp/metrics" in environment.split()


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("shop.example,other.example", "shop.example"),
        (".shop.example", "shop.example"),
        ("*", "localhost"),
        ("", "localhost"),
    ],
)
def test_the_health_check_asks_by_a_name_that_is_served(allowed: str, host: str) -> None:
    assert heartbeat.host_of(allowed) == host


def test_a_process_is_alive_as_long_as_its_file_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(heartbeat.FOLDER, str(tmp_path))
    assert "There is no" in heartbeat.trouble("worker")
    heartbeat.touch("worker")
    assert heartbeat.trouble("worker") == ""
    file = heartbeat.file_of(str(tmp_path), "worker")
    assert "seconds ago" in heartbeat.file_trouble(file, file.stat().st_mtime + heartbeat.STALE_SECONDS)
    assert "There is no process" in heartbeat.trouble("elsewhere")


def test_without_a_folder_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(heartbeat.FOLDER, raising=False)
    heartbeat.touch("beat")
    assert "is not set" in heartbeat.trouble("beat")


def test_a_web_server_that_is_not_there_is_not_healthy() -> None:
    assert "does not answer" in heartbeat.web_trouble("9", "shop.example")
