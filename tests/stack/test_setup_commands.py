"""Which stores `make run` sets up before it serves."""

from pathlib import Path

import pytest

from leafloaf.stack.application import Application

OWN = ["migrate", "setup_cloud_storage", "setup_bigquery"]


@pytest.mark.parametrize(
    ("variables", "more"),
    [
        ({}, []),
        ({"ENABLE_PUBSUB": "", "ENABLE_SPANNER": "false"}, []),
        ({"ENABLE_PUBSUB": "true"}, ["setup_pubsub"]),
        ({"ENABLE_PUBSUB": "Yes", "ENABLE_SPANNER": "1"}, ["setup_pubsub", "setup_spanner"]),
    ],
)
def test_stores_without_a_server_of_the_stack_are_set_up_for_who_asks_for_them(
    variables: dict[str, str], more: list[str], tmp_path: Path
) -> None:
    commands = Application(tmp_path, 8000).setup_commands(variables)
    assert [command.name for command in commands] == [*OWN, *more]
