"""The shell's settings and small pieces: options of both clients, secrets, logs, limits."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import ssl

import pytest
from pydantic import SecretStr, ValidationError

from launcher.compose import stream_settings
from launcher.settings import load
from shell_planes import CountingPlane, MemoryStore
from streams.bad_share import BadShare
from streams.logs import JsonLines, Lines
from streams.metrics import Metrics
from streams.producing import producer_options
from streams.settings import Security, StreamSettings
from streams.worker import run_worker


def test_plain_settings_reach_both_clients() -> None:
    """Brokers and client id are the same for librdkafka and aiokafka."""
    settings = StreamSettings(brokers="a:1,b:2", client_id="me")
    assert settings.librdkafka()["bootstrap.servers"] == "a:1,b:2"
    assert settings.aiokafka()["bootstrap_servers"] == "a:1,b:2"
    assert settings.librdkafka()["client.id"] == settings.aiokafka()["client_id"] == "me"


def test_sasl_over_tls_reaches_both_clients() -> None:
    """Mechanism, user and password are passed through, and a TLS context is made."""
    security = Security(
        protocol="SASL_SSL", mechanism="SCRAM-SHA-512", username="u", password=SecretStr("hunter2")
    )
    ours = security.librdkafka()
    theirs = security.aiokafka()
    assert ours["sasl.mechanism"] == theirs["sasl_mechanism"] == "SCRAM-SHA-512"
    assert ours["sasl.password"] == theirs["sasl_plain_password"] == "hunter2"
    assert isinstance(theirs["ssl_context"], ssl.SSLContext)
    assert theirs["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_secrets_do_not_show() -> None:
    """Neither repr, str nor JSON of the settings has a password."""
    settings = StreamSettings(
        brokers="a:1",
        security=Security(protocol="SASL_PLAINTEXT", username="u", password=SecretStr("hunter2")),
    )
    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"security": {"protocol": "SASL_SSL"}},
        {"session_timeout_ms": 50_000},
        {"heartbeat_interval_ms": 20_000},
        {"max_records": 0},
        {"no_such": 1},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    """Before anything is connected."""
    with pytest.raises(ValidationError):
        StreamSettings.model_validate({"brokers": "a:1", **wrong})


def test_settings_do_not_change() -> None:
    """A frozen value."""
    settings = StreamSettings(brokers="a:1")
    with pytest.raises(ValidationError):
        settings.brokers = "b:1"


def test_producers_are_idempotent_and_partition_like_java() -> None:
    """What correctness hangs on is set for every producer."""
    options = producer_options(StreamSettings(brokers="a:1"))
    assert options["enable.idempotence"] is True
    assert options["acks"] == "all"
    assert options["partitioner"] == "murmur2_random"
    assert options["message.timeout.ms"] == 0


def test_a_line_of_json_a_log_entry() -> None:
    """Message and traceback are one line, with time, level and logger."""
    record = logging.LogRecord("afflux.x", logging.WARNING, "f", 1, "said %s", ("so",), None)
    entry = json.loads(JsonLines().format(record))
    assert (entry["level"], entry["logger"], entry["message"]) == ("warning", "afflux.x", "said so")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Lines())
    handler.handle(record)
    assert out.getvalue().endswith("WARNING afflux.x  said so\n")


def test_every_metric_says_what_it_means() -> None:
    """Names start with afflux_, and each has a description."""
    families = list(Metrics().registry.collect())
    assert len(families) >= 10
    for family in families:
        assert family.name.startswith("afflux_")
        assert family.documentation.endswith(".")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_metrics_are_served_where_the_settings_say(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address and port reach the server; on loopback by default."""
    served: list[tuple[int, str]] = []
    monkeypatch.setattr(
        "streams.metrics.start_http_server",
        lambda port, addr, registry: served.append((port, addr)),
    )
    monkeypatch.setenv("AFFLUX_WORKER_METRICS_PORT", "9464")
    monkeypatch.setenv("AFFLUX_KAFKA_BOOTSTRAP", "kafka:9092")
    if host != "127.0.0.1":
        monkeypatch.setenv("AFFLUX_WORKER_METRICS_HOST", host)
    settings = stream_settings(load(_env_file=None))
    stop = asyncio.Event()
    stop.set()
    plane = CountingPlane(MemoryStore(), ["t"])
    assert await run_worker(settings, {"enrich": plane}, stop=stop, signals=False) == 0
    assert served == [(9464, host)]


def test_bad_share_slides() -> None:
    """Old bad records leave the window: a burst that ended does not stop a worker later."""
    watch = BadShare(0.1, 1_000)
    assert not watch.add(500, 100)
    assert not watch.add(500, 0)
    assert not watch.add(500, 0)
    assert not watch.add(500, 100)
    assert watch.add(100, 50)


def test_bad_share_of_one_turns_it_off() -> None:
    """All bad, for ever, and no stop."""
    watch = BadShare(1.0, 10)
    assert not any(watch.add(7, 7) for _ in range(50))


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1])
def test_bad_share_needs_a_share(share: float) -> None:
    """Outside of 0 to 1 is a mistake in the settings."""
    with pytest.raises(ValueError, match="share"):
        BadShare(share, 10)
