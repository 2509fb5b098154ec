"""`afflux ingest` as a person runs it, up to profiles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime_broker import Broker
from runtime_cli import Up, afflux, until

ROWS = "".join(
    f"c{i % 9},2024-{i % 12 + 1:02}-{i % 28 + 1:02},{i % 3 + 1},{i}.50\n" for i in range(400)
)
BAD = "c1,2024-13-01,1,2\n,2024-01-01,1,2\n"


@pytest.mark.slow
def test_twice_the_same_file_changes_nothing(tmp_path: Path) -> None:
    """Init, ingest, profiles; the second copy, whose note is lost, is dropped by its numbers.

    More than forty events a person are more than the sixteen ids that a row remembers.
    """
    (tmp_path / "shop.csv").write_text("customer_id,date,quantity,amount\n" + ROWS + BAD)
    assert afflux("init", "shop.csv", cwd=tmp_path).returncode == 0
    with Up(tmp_path):
        done = afflux("ingest", "shop.csv", "--mapping", "mapping.yml", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        assert (result["sent"], result["rejected"]) == (
            400, {"missing_identity": 1, "time_format": 1}
        )  # fmt: skip
        assert len((tmp_path / result["rejects"]).read_text().splitlines()) == 2

        def profile(who: str, events: int) -> dict[str, Any]:
            """What they have done, once so many events are folded."""
            found = afflux("profile", "get", "customer", who, "--json", cwd=tmp_path)
            done = json.loads(found.stdout)["engagement"] if found.returncode == 0 else {}
            return done if done.get("events") == events else {}

        before = until(lambda: profile("c3", 45))
        shutil.rmtree(tmp_path / ".afflux" / "ingest")
        again = afflux("ingest", "shop.csv", "--mapping", "mapping.yml", "--json", cwd=tmp_path)
        assert json.loads(again.stdout.splitlines()[-1])["sent"] == 400
        # When a record after the second copy is folded, so is what came before it.
        (tmp_path / "late.csv").write_text(
            "customer_id,date,quantity,amount\nc3,2024-12-31,1,1000\n"
        )
        done = afflux("ingest", "late.csv", "--mapping", "mapping.yml", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        after = until(lambda: profile("c3", 46))
        assert after["revenue"] == pytest.approx(before["revenue"] + 1000)


@pytest.mark.parametrize(
    ("text", "mapping", "code", "why"),
    [
        ("", "good", 5, "is empty"),
        ("who;at\na;2024-01-01\n", "good", 5, "parted by a semicolon"),
        ("who,when\na,2024-01-01\n", "good", 5, "no column 'at'"),
        ("who,at\na,2024-01-01T00:00:00Z\na,2024-01-01\n", "good", 6, "mixed time zones"),
        ("who,at\na,1.2.2024\na,2024-02-01\n", "good", 6, "nothing was sent"),
        ("who,at\na,2024-01-01\n", "{identity: {}}", 4, "`identity.column` is missing"),
    ],
)
def test_mistakes_send_nothing(
    embedded_broker: Broker, tmp_path: Path, text: str, mapping: str, code: int, why: str
) -> None:
    """Exit codes differ, the message says what, where and what to do, and no note is left."""
    (tmp_path / "x.csv").write_text(text)
    good = (
        "{identity: {column: who}, time: {column: at, zone: UTC}, "
        "event: {type: commerce.purchases}}"
    )
    (tmp_path / "m.yml").write_text(good if mapping == "good" else mapping)
    env = {"AFFLUX_KAFKA_BOOTSTRAP": embedded_broker.bootstrap}
    afflux("topics", "create", cwd=tmp_path, env=env)
    done = afflux("ingest", "x.csv", "--mapping", "m.yml", "--json", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".afflux" / "ingest").exists()
