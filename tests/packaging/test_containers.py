"""Dockerfile and docker-compose.yml, checked without Docker."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml

from launcher.cli import app
from launcher.compose import redis_options, registry_of, secret_of, stream_settings
from launcher.settings import OUTSIDE, fields, load, variable
from project_files import ROOMS, ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())


def instructions(word: str) -> list[str]:
    """Arguments of every `word` instruction of the Dockerfile."""
    return re.findall(rf"^{word} +(.+)$", DOCKERFILE, re.M)


def resolve(value: str) -> str:
    """A value with its `${...}` filled in."""
    return re.sub(r"\$\{[^}]+\}", "filled-in", value)


def command(words: list[str]) -> Any:
    """The command that these words start; KeyError where there is none."""
    found: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("-") or not hasattr(found, "commands"):
            break
        found = found.commands[word]
    return found


def waits() -> Iterator[tuple[str, str, str]]:
    """(service, the one that it waits for, condition)."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            yield name, other, how["condition"]


def test_the_shape() -> None:
    """Kafka, a registry, Redis, topics made once, a worker, the HTTP API."""
    assert set(SERVICES) == {"kafka", "registry", "redis", "topics", "worker", "api"}


def test_images_are_pinned() -> None:
    """Every image has a version of at least two parts, here and in the Dockerfile."""
    images = [service["image"] for service in SERVICES.values()]
    images += [line.split()[0] for line in instructions("FROM")]
    assert len(images) >= 7
    assert not [image for image in images if not re.search(r":\d+\.\d+", image)]


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_known_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each AFFLUX_ variable is a setting, and together they make a complete configuration."""
    environment = SERVICES[name]["environment"]
    known = {variable(group, field) for group, field, _ in fields()} | OUTSIDE
    assert set(environment) <= known
    for variable_name, value in environment.items():
        monkeypatch.setenv(variable_name, resolve(value))
    settings = load(_env_file=None)
    assert stream_settings(settings).brokers == "kafka:19092"
    assert redis_options(settings).address().host == "redis"
    assert registry_of(settings.registry) is not None
    assert secret_of(settings) == b"filled-in"


def test_metrics_leave_the_container() -> None:
    """The worker serves them on all addresses of its container, on the port that it exposes."""
    worker = SERVICES["worker"]
    environment = worker["environment"]
    assert environment["AFFLUX_WORKER_METRICS_HOST"] == "0.0.0.0"
    assert worker["expose"] == [environment["AFFLUX_WORKER_METRICS_PORT"]]
    assert environment.items() >= SERVICES["topics"]["environment"].items()
    assert "ports" not in worker, "several workers cannot share a port of the host"


def test_the_api_is_reached_with_keys_that_stay() -> None:
    """It listens where the host's port leads, and its keys are on a volume of its user."""
    api = SERVICES["api"]
    environment = api["environment"]
    assert environment["AFFLUX_GATEWAY_HOST"] == "0.0.0.0"
    assert api["ports"] == [f"127.0.0.1:8080:{environment['AFFLUX_GATEWAY_PORT']}"]
    [mount] = api["volumes"]
    name, folder = mount.split(":")
    assert name in COMPOSE["volumes"]
    assert environment["AFFLUX_GATEWAY_KEYS_FILE"].startswith(f"{folder}/")
    assert f"--owner afflux --mode 0700 {folder}" in DOCKERFILE


def test_the_secret_has_no_default() -> None:
    """Compose refuses to start until somebody has chosen a secret."""
    for name in OURS:
        assert SERVICES[name]["environment"]["AFFLUX_SECRET"].startswith("${AFFLUX_SECRET:?")


def test_commands_exist() -> None:
    """What the containers run, and how they are checked, are commands of `afflux`."""
    run = [SERVICES[name]["command"] for name in OURS]
    checks = [
        service["healthcheck"]["test"] for service in SERVICES.values() if "healthcheck" in service
    ]
    run += [check[2:] for check in checks if check[1] == "afflux"]
    run += [yaml.safe_load(line) for line in instructions("CMD")]
    assert len(run) >= 4
    for words in run:
        assert command(words).callback, words


def test_waits_can_end() -> None:
    """Who is waited for exists, and reports what is waited for."""
    found = list(waits())
    assert {(a, b) for a, b, _ in found} >= {
        ("worker", "topics"),
        ("worker", "redis"),
        ("topics", "kafka"),
    }
    for name, other, condition in found:
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other], (name, other)
        else:
            assert condition == "service_completed_successfully"
            assert SERVICES[other]["restart"] == "no"


def test_hosts_are_services() -> None:
    """Every host:port that a container is told is a service that listens there."""
    listeners = {
        int(port)
        for key in ("KAFKA_LISTENERS",)
        for port in re.findall(r":(\d+)", SERVICES["kafka"]["environment"][key])
    }
    ports = {"kafka": listeners, "redis": {6379}, "registry": {8081}}
    for name, service in SERVICES.items():
        for value in service["environment"].values() if "environment" in service else ():
            for host, port in re.findall(r"\b([a-z]+):(\d{4,5})\b", value):
                if host != "localhost":
                    assert int(port) in ports[host], (name, value)


def test_servers_are_not_open_to_the_network() -> None:
    """Published ports are bound to loopback."""
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) == 4
    assert not [port for port in published if not port.startswith("127.0.0.1:")]


def test_what_must_survive_is_on_volumes() -> None:
    """The log and the profiles are on named volumes, and Redis never evicts."""
    for name in ("kafka", "redis"):
        [mount] = SERVICES[name]["volumes"]
        assert mount.split(":")[0] in COMPOSE["volumes"]
    words = SERVICES["redis"]["command"]
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"
    assert words[words.index("--appendonly") + 1] == "yes"
    [mount] = SERVICES["kafka"]["volumes"]
    assert SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"] == mount.split(":")[1]


def test_the_image_has_every_room_and_no_root() -> None:
    """All rooms are copied, what is copied exists, and the command runs as another user."""
    sources = [line.split()[:-1] for line in instructions("COPY") if "--from" not in line]
    copied = {source for line in sources for source in line}
    assert copied >= set(ROOMS)
    assert not [source for source in copied if not (ROOT / source).exists()]
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d*$", last, re.M)
    assert 'ENTRYPOINT ["afflux"]' in last


def test_the_context_has_what_is_copied_and_no_secrets() -> None:
    """.dockerignore lets in exactly what the Dockerfile copies."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    sources = [line.split()[:-1] for line in instructions("COPY") if "--from" not in line]
    assert let_in == {source for line in sources for source in line}
    assert "*" in lines
    assert [line for line in lines if fnmatch.fnmatch("launcher/.env", line)]
