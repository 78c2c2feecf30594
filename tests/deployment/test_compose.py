"""compose.yaml: there is no Docker here, so it is read; what it names exists, and nothing in it is secret or open."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from leafloaf.stack.services import REPOSITORY

TEXT = (REPOSITORY / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")
EXAMPLES = (".env.example", "leafloaf/deployment/compose.env.example")


def known() -> set[str]:
    said = "\n".join((REPOSITORY / name).read_text() for name in EXAMPLES)
    return set(re.findall(r"^#?([A-Z][A-Z_0-9]*)=", said, re.MULTILINE))


def test_every_variable_is_explained_in_an_example_file() -> None:
    assert {name for name, _, _ in VARIABLE.findall(TEXT)} <= known()


def test_what_is_secret_has_no_default_and_says_how_to_make_one() -> None:
    secret = [found for found in VARIABLE.findall(TEXT) if re.search("PASSWORD|SECRET_KEY$", found[0])]
    assert {name for name, _, _ in secret} == {
        "SECRET_KEY",
        "DEPLOYER_PASSWORD",
        "APPLICATION_PASSWORD",
        "REDIS_PASSWORD",
    }
    assert all(kind == "?" and "openssl rand" in text for _, kind, text in secret)


def test_no_password_is_written_out() -> None:
    for address in re.findall(r"\w+://[^\s]*@", TEXT):
        assert re.search(r":\$\{\w+:\?", address), address


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_whole_version_and_every_service_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if name in OURS:
        assert service["image"].startswith("${LEAFLOAF_IMAGE")
    else:
        assert re.search(r":v?\d+\.\d+\.\d+[-\w.]*$", service["image"]), service["image"]
    assert "healthcheck" in service or name == "web", "the web has the image's own"
    assert service["restart"] == ("no" if name == "release" else "unless-stopped")


@pytest.mark.parametrize("name", OURS)
def test_ours_write_nowhere_but_where_they_are_let(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 (a path of the container)
    [command] = service["command"]
    assert f"\n{command})" in (REPOSITORY / "leafloaf" / "deployment" / "leafloaf").read_text()


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert "outside" not in {*SERVICES["postgres"]["networks"], *SERVICES["redis"]["networks"]}


def test_prometheus_can_ask_the_worker_from_inside() -> None:
    told = SERVICES["worker"]["environment"]
    assert (told["METRICS_PORT"], told["METRICS_ADDRESS"]) == ("9464", "0.0.0.0")
    assert not [name for name, service in OURS.items() if name != "worker" and "METRICS_PORT" in str(service)]
    volumes = [volume.split(":")[1] for service in OURS.values() for volume in service.get("volumes", [])]
    assert set(volumes) == {"/srv/leafloaf/var"}, "metrics are in /tmp, of each container its own"


def test_redis_is_not_root() -> None:
    assert SERVICES["redis"]["user"] == "redis"
    assert SERVICES["redis"]["cap_drop"] == ["ALL"]
    assert SERVICES["redis"]["security_opt"] == ["no-new-privileges:true"]


def test_the_application_is_another_role_than_who_migrates() -> None:
    assert SERVICES["web"]["environment"]["DATABASE_URL"].startswith("postgres://leafloaf_app:")
    release = SERVICES["release"]["environment"]
    assert release["DATABASE_URL"].startswith("postgres://deployer:")
    assert release["APPLICATION_ROLE"] == "leafloaf_app"
    assert (
        "CREATE ROLE leafloaf_app LOGIN"
        in (REPOSITORY / "leafloaf" / "deployment" / "application-role.sh").read_text()
    )


def test_nothing_starts_before_the_release_has_ended() -> None:
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["depends_on"]["release"]["condition"] == "service_completed_successfully"


def test_every_file_that_is_mounted_exists_and_every_volume_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (REPOSITORY / source).exists(), source
            elif not source.startswith("$"):
                assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("script", ["leafloaf", "application-role.sh"])
def test_the_scripts_are_programs_that_a_shell_can_read(script: str) -> None:
    path = REPOSITORY / "leafloaf" / "deployment" / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["/bin/sh", "-n", path], capture_output=True).stderr == b""


def test_the_proxy_reads_requests_whole_and_says_itself_who_called() -> None:
    said = (REPOSITORY / "leafloaf" / "deployment" / "nginx.conf").read_text()
    for line in (
        "proxy_request_buffering on;",
        "underscores_in_headers off;",
        "client_max_body_size 2m;",
        "error_log /dev/stderr emerg;",
        "access_log off;",
        "server web:8000 resolve;",
        "error_page 500 502 503 504 =503 /problem;",
        "proxy_set_header X-Forwarded-Proto https;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
    ):
        assert line in said
    assert said.count("{") == said.count("}")


def test_the_proxy_lets_go_of_an_idle_connection_before_the_web_server_does() -> None:
    folder = REPOSITORY / "leafloaf" / "deployment"
    proxy = re.search(r"keepalive 32;\s+keepalive_timeout (\d+)s;", (folder / "nginx.conf").read_text())
    server = re.search(r"--http1-header-read-timeout (\d+)", (folder / "leafloaf").read_text())
    assert proxy
    assert server
    assert int(proxy[1]) + 5 <= int(server[1]) / 1000
