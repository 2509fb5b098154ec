"""`afflux archive` as a person runs it: from a file to Kafka, to Parquet, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from launcher.cli import app
from launcher.errors import LauncherError
from runtime_broker import Broker
from streams.admin import Admin
from streams.settings import StreamSettings
from streams.topics import Topic

MAPPING = """\
{identity: {column: who}, time: {column: at, zone: UTC}, event: {type: commerce.purchases}}
"""


@pytest.mark.slow
def test_there_and_back(
    embedded_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingested, archived, shown, replayed into another topic, and a person removed."""
    monkeypatch.setenv("AFFLUX_KAFKA_BOOTSTRAP", embedded_broker.bootstrap)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        return json.loads(done.stdout.splitlines()[-1])

    CliRunner().invoke(app, ["topics", "create"], catch_exceptions=False)
    rows = "".join(f"arch{i % 5},2024-01-{i % 20 + 1:02}\n" for i in range(60))
    (tmp_path / "e.csv").write_text("who,at\n" + rows)
    (tmp_path / "m.yml").write_text(MAPPING)
    assert run("ingest", "e.csv", "--mapping", "m.yml")["sent"] == 60

    first = run("archive", "write", "a")
    assert first["added"] == first["records"] >= 60
    assert run("archive", "write", "a")["added"] == 0
    shown = run("archive", "show", "a")
    assert shown["records"] == first["records"]
    assert shown["days"]["day=2024-01-05"] >= 3

    for arguments, why, code in (
        (["replay", "a"], "very topic", 1), (["replay", "b"], "is no archive", 5),
        (["show", "b"], "is no archive", 5), (["replay", "a", "--from", "May"], "is no day", 1),
    ):  # fmt: skip
        with pytest.raises(LauncherError, match=why) as caught:
            run("archive", *arguments)
        assert getattr(caught.value, "exit_code", 1) == code
    target = Broker.unique("replayed")
    settings = StreamSettings(brokers=embedded_broker.bootstrap)
    Admin(settings).create(4, [Topic(target, "", (), "delete", "", "")])
    assert run("archive", "replay", "a", "--topic", target)["sent"] == first["records"]
    again = run("archive", "replay", "a", "--topic", target)
    assert again == {"sent": 0, "there": first["records"]}

    assert run("archive", "forget", "a", "customer", "arch3") == {"removed": 12}
    assert run("archive", "show", "a")["records"] == first["records"] - 12
