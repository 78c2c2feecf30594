"""The Terraform files hang together, and give nobody more than a list of permissions.

`terraform validate` needs Google's provider, which this does not ask for; `terraform fmt` is run where there is one.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from leafloaf.stack.services import REPOSITORY
from tests.deployment import terraform

ACCOUNTS = {"writer", "eraser", "verifier", "reader"}
REFERENCE = re.compile(r"(?<![\w.\"-])(?:(var|local)\.(\w+)|(google_\w+)\.(\w+))")
PREDEFINED = {"roles/secretmanager.secretAccessor", "roles/run.invoker"}
MEMBERS = ("_iam_member", "_iam_binding", "_iam_policy")


def texts(value: Any) -> Iterator[str]:
    """Every piece of text below, without its literal strings' words."""
    if isinstance(value, dict):
        for inside in value.values():
            yield from texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from texts(inside)
    elif isinstance(value, str):
        yield from re.findall(r"\$\{(.+)\}", value, re.DOTALL)


def test_every_reference_leads_somewhere() -> None:
    variables = {name for block in terraform.blocks("variable") for name in block}
    known = {("var", name) for name in variables} | {("local", name) for name in terraform.local_values()}
    known |= {(*key.split("."),) for key in terraform.resources()}  # type: ignore[misc]
    used = {
        (kind or resource, name or named)
        for text in texts(terraform.files())
        for kind, name, resource, named in REFERENCE.findall(text)
    }
    assert len(used) > 30
    assert used - known == set()
    assert variables - {name for kind, name in used if kind == "var"} == set()


def test_terraform_and_the_provider_are_pinned() -> None:
    [pins] = terraform.blocks("terraform")
    assert re.fullmatch(r">= \d+\.\d+, < \d+\.\d+", pins["required_version"])
    [providers] = pins["required_providers"]
    assert all(re.fullmatch(r"~> \d+\.\d+", one["version"]) for one in providers.values())


def test_each_account_has_its_list_of_permissions_and_no_list_has_a_star() -> None:
    permissions = terraform.permissions()
    assert set(permissions) >= ACCOUNTS
    assert all(permissions[account] for account in ACCOUNTS)
    every = set[str]().union(*permissions.values())
    assert not [
        one for one in every if not re.fullmatch(r"(?:storage|bigquery|spanner|pubsub)\.\w+\.\w+", one)
    ]


def test_who_writes_cannot_read_or_delete_and_who_verifies_can_change_nothing() -> None:
    permissions = terraform.permissions()
    assert not [
        one for one in permissions["writer"] if re.search(r"delete|getData|objects\.(get|list)|jobs", one)
    ]
    for account in ("verifier", "reader"):
        allowed = permissions[account] - {"bigquery.jobs.create"}
        changing = "create|delete|update|write|ReadWrite"
        assert not [one for one in allowed - {"spanner.sessions.create"} if re.search(changing, one)]
    assert permissions["web"] == set()


def test_every_role_is_one_of_ours_or_opens_one_secret_or_the_web() -> None:
    given = {
        key: body["role"] for key, body in terraform.resources().items() if any(end in key for end in MEMBERS)
    }
    assert len(given) == 10
    for key, role in given.items():
        assert "google_project_iam_custom_role." in role or role in PREDEFINED, key
    assert not re.search(r"roles/(owner|editor|viewer|[\w.]*[aA]dmin)", str(terraform.files()))


def test_only_the_web_may_be_called_by_anybody_and_the_bucket_by_nobody() -> None:
    open_to_all = [
        key for key, body in terraform.resources().items() if "allUsers" in str(body.get("member", ""))
    ]
    assert open_to_all == ["google_cloud_run_v2_service_iam_member.anybody"]
    assert "allAuthenticatedUsers" not in str(terraform.files())
    bucket = terraform.resources()["google_storage_bucket.events"]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    database = str(terraform.resources()["google_sql_database_instance.postgres"])
    assert "'ipv4_enabled': False" in database
    assert "'point_in_time_recovery_enabled': True" in database


def test_the_graph_is_there_for_who_asks_for_it_and_keeps_what_is_erased_as_briefly_as_it_can() -> None:
    resources = terraform.resources()
    [asked] = [block["graph"] for block in terraform.blocks("variable") if "graph" in block]
    assert asked["default"] is False
    for name in ("google_spanner_instance.leafloaf", "google_spanner_database.leafloaf"):
        assert resources[name]["count"] == "${var.graph ? 1 : 0}"
    assert resources["google_spanner_database.leafloaf"]["version_retention_period"] == "1h"
    assert resources["google_spanner_instance.leafloaf"]["default_backup_schedule_type"] == "NONE"
    assert "var.graph" in terraform.local_values()["on_graph"]


def test_the_stream_is_there_for_who_asks_for_it_only_and_keeps_no_message_past_an_erasures_time() -> None:
    resources = terraform.resources()
    asked = {name: block[name] for block in terraform.blocks("variable") for name in block}
    assert asked["stream"]["default"] is asked["broker_on_pubsub"]["default"] is False
    topic = resources["google_pubsub_topic.events"]
    assert topic["count"] == "${var.stream ? 1 : 0}"
    assert topic["message_retention_duration"] == "${var.stream_retention_hours * 3600}s"
    assert "<= 35" in str(asked["stream_retention_hours"]["validation"])
    assert all("var.stream" in terraform.local_values()[name] for name in ("on_topic", "on_stream"))


def test_the_replica_is_there_for_who_asks_for_it_and_as_private_as_the_primary() -> None:
    resources, local = terraform.resources(), terraform.local_values()
    [asked] = [block["read_replica"] for block in terraform.blocks("variable") if "read_replica" in block]
    assert asked["default"] is False
    replica = resources["google_sql_database_instance.replica"]
    assert replica["count"] == "${var.read_replica ? 1 : 0}"
    primary = resources["google_sql_database_instance.postgres"]
    assert replica["settings"][0]["ip_configuration"] == primary["settings"][0]["ip_configuration"]
    for names in ("secrets", "web_secret_environment", "background_secret_environment"):
        assert "var.read_replica" in str(local[names])
    for names in ("secret_environment", "release_secret_environment"):  # the scheduler's, the release's
        assert "REPLICA" not in str(local[names])


def test_google_keeps_no_line_about_a_request() -> None:
    resources = terraform.resources()
    left_out = resources["google_logging_project_exclusion.requests"]["filter"]
    assert "cloud_run_revision" in left_out
    assert "run.googleapis.com/requests" in left_out
    [log] = resources["google_compute_backend_service.web"]["log_config"]
    assert log["enable"] is False


def test_one_scheduler_runs_and_every_process_is_one_that_the_image_knows() -> None:
    pools = terraform.resources()["google_cloud_run_v2_worker_pool.background"]["for_each"]
    assert pools["beat"]["instances"] == 1
    assert set(pools) == {"worker", "beat"}
    entry = (REPOSITORY / "leafloaf" / "deployment" / "leafloaf").read_text()
    assert all(f"\n{name})" in entry for name in pools)


def test_the_files_are_formatted() -> None:
    program = shutil.which("terraform")
    if not program:
        pytest.skip("there is no Terraform here")
    done = subprocess.run(
        [program, "fmt", "-check", "-recursive", terraform.FOLDER],
        env=os.environ | {"TF_CLI_CONFIG_FILE": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
