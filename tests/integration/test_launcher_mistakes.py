"""Typical mistakes on the command line: one clear message, a hint, the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_cli import afflux

NOWHERE = {
    "AFFLUX_KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "AFFLUX_REDIS_URL": "redis://127.0.0.1:9",
    "AFFLUX_KAFKA_TIMEOUT_S": "1",
}


def _mistake(folder: Path, env: dict[str, str], *words: str) -> str:
    """What is said; one error and one hint, no stack trace, exit code 1."""
    done = afflux(*words, cwd=folder, env=env)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint:  ")
    return done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("topics describe", "127.0.0.1:9 cannot be reached"),
        ("watch scores", "AFFLUX_KAFKA_BOOTSTRAP"),
        ("profile get email a", "AFFLUX_REDIS_URL"),
        ("watch scores --profile ann", "'ann' is no identity"),
        (
            "watch scores --model chrun",
            "models: churn, coupon_conversion, engagement",
        ),
        ("dlq show events", "TOPIC/PARTITION/OFFSET"),
        ("dlq replay --record events/1/x", "TOPIC/PARTITION/OFFSET"),
        ("dlq list --code truncatd", "codes: "),
    ],
)
def test_mistakes_are_one_line_and_a_hint(words: str, said: str, tmp_path: Path) -> None:
    """Servers that are away, names that are none, forms that are wrong."""
    assert said in _mistake(tmp_path, NOWHERE, *words.split())


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"AFFLUX_KAFKA_BOTSTRAP": "x"}, "did you mean AFFLUX_KAFKA_BOOTSTRAP?"),
        ({"AFFLUX_PARTITIONS": "many"}, "AFFLUX_PARTITIONS: "),
        ({"AFFLUX_WORKER_METRICS_PORT": "99999"}, "AFFLUX_WORKER_METRICS_PORT: "),
    ],
)
def test_wrong_settings_are_named(env: dict[str, str], said: str, tmp_path: Path) -> None:
    """As they are written in the environment."""
    assert said in _mistake(tmp_path, env, "config")


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    """Its number, what is wrong and where; nothing is sent."""
    (tmp_path / "events.jsonl").write_text('{"_id": "1",\n')
    done = afflux("produce", "events.jsonl", cwd=tmp_path, env=NOWHERE)
    assert done.returncode == 1
    assert "line 1: not JSON: " in done.stderr
    assert "at character 13" in done.stderr
    assert "nothing was sent" in done.stderr
    assert "Traceback" not in done.stderr
