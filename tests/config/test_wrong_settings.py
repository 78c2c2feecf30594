"""A wrong setting stops web, worker and beat with a sentence that names the variable."""

from pathlib import Path

import pytest

from tests.config.application import begun, ended, environment

PASSWORD = "hunter2-of-the-database"
OWN = f"postgres://shop:{PASSWORD}@127.0.0.1:9/shop"

Wrong = dict[str, tuple[str, str]]
TOGETHER: list[Wrong] = [
    {
        "REDIS_ENABLED": ("maybe", "must be true or false, not 'maybe'"),
        "DATABASE_URL": ("", "is not set"),
        "ENABLE_BIGQUERY": ("2", "must be true or false, not '2'"),
        "BIGQUERY_WRITE_METHOD": ("grpc", "must be one of INSERT_ALL, STORAGE_WRITE, not 'GRPC'"),
        "RECOMMENDATION_TIMEOUT": ("soon", "must be a number of at least 0, not 'soon'"),
        "LOG_LEVEL": ("loud", "must be one of DEBUG, INFO"),
    },
    {
        "DATABASE_URL": (f"mysql://root:{PASSWORD}@db/shop", "must start with postgres://"),
        "REDIS_URL": ("", "is not set"),
        "BIGQUERY_PROJECT": ("", "is not set"),
        "CLOUD_STORAGE_BUCKET": ("", "is not set"),
        "CELERY_BROKER_URL": (f"smtp://:{PASSWORD}@mail", "must start with redis://"),
    },
    {
        "DATABASE_URL": (f"postgres://u:{PASSWORD}/x@db/shop", "is not an address"),
        "SECRET_KEY": ("", "is not set"),
        "DATABASE_REPLICA_URL": (f"mysql://root:{PASSWORD}@db/shop", "must start with postgres://"),
    },
    {"DATABASE_REPLICA_URL": (OWN, "names the database of DATABASE_URL")},
]
ALONE: list[Wrong] = [{name: wrong} for together in TOGETHER for name, wrong in together.items()]
NEEDED = {
    "REDIS_URL": {"REDIS_ENABLED": "true"},
    "BIGQUERY_PROJECT": {"ENABLE_BIGQUERY": "true"},
    "CLOUD_STORAGE_BUCKET": {"CLOUD_STORAGE_ENABLED": "true"},
    "SECRET_KEY": {"DEBUG": "false"},
}
"""What makes a missing variable missed."""

ENTRY_POINTS = {
    "web": ["-c", "import leafloaf.wsgi"],
    "worker": ["-m", "celery", "-A", "leafloaf", "worker", "-P", "threads"],
    "beat": ["-m", "celery", "-A", "leafloaf", "beat", "-s", "{folder}/schedule"],
}


def variables(wrong: Wrong, folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    chosen = {"DATABASE_URL": OWN}
    for name, (value, _) in wrong.items():
        chosen |= {name: value} | NEEDED.get(name, {})
    return environment(folder, **chosen)


def complains(output: str, code: int, wrong: Wrong) -> None:
    assert code != 0, output
    for name, (_, sentence) in wrong.items():
        assert any(f"{name} {sentence}" in line for line in output.splitlines()), output
    assert "LeafLoaf does not start:\n" in output
    assert "Traceback" not in output
    assert PASSWORD not in output


def refuses(name: str, cases: list[Wrong], folder: Path) -> None:
    """The entry point does not start with any of the wrong settings, tried three at a time."""
    for start in range(0, len(cases), 3):
        begun_with = []
        for number, wrong in enumerate(cases[start : start + 3]):
            own = folder / str(number)
            arguments = [argument.format(folder=own) for argument in ENTRY_POINTS[name]]
            begun_with.append((wrong, begun(arguments, variables(wrong, own))))
        for wrong, process in begun_with:
            code, output = ended(process)
            complains(output, code, wrong)


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_it_does_not_start_and_says_everything_that_is_wrong(name: str, tmp_path: Path) -> None:
    refuses(name, TOGETHER, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_it_does_not_start_with_anything_wrong(name: str, tmp_path: Path) -> None:
    refuses(name, ALONE, tmp_path)


def test_a_real_web_server_ends_with_an_error(tmp_path: Path) -> None:
    arguments = ["-m", "granian", "--interface", "wsgi", "--port", "0", "leafloaf.wsgi:application"]
    wrong: Wrong = {"REDIS_ENABLED": TOGETHER[0]["REDIS_ENABLED"]}
    code, output = ended(begun(arguments, variables(wrong, tmp_path)))
    complains(output, code, wrong)
