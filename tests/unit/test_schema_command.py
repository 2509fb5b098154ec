"""`afflux schema`: composed schemas are read by workers, breaks are told, registries speak HTTP."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fastavro
import pytest
from typer.testing import CliRunner, Result

import schemas
from launcher.cli import app
from launcher.commands.schema import RuleBroken, SchemaFileError
from launcher.errors import LauncherError
from schemas.composing import CompositionError, OwnField, compose
from schemas.evolution import problems
from schemas.tree import tree
from streams.readable import unreadable
from wire_cases import batch, event
from wire_reading import decoder

OWN = [OwnField("plan", "string", "What they pay for"), OwnField("seats", "long"),
       OwnField("tags", "string[]")]  # fmt: skip


class _Registry:
    """Resolves one id, as a worker's client does."""

    def __init__(self, text: str) -> None:
        self._text = text

    def schema(self, schema_id: int) -> str | None:
        return self._text if schema_id == 7 else None


@pytest.mark.parametrize("groups", [[], ["commerce"], ["web", "device", "marketing", "custom"]])
def test_a_worker_reads_composed_events(groups: list[str]) -> None:
    """Core, any groups, own fields: records of the schema are good events to a worker."""
    text = compose("event", groups, OWN)
    parsed = fastavro.parse_schema(json.loads(text))
    row = {**event(), "plan": "pro", "seats": 3, "tags": ["a"]}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, row)
    value = b"\0" + (7).to_bytes(4, "big") + out.getvalue()
    found, bad = decoder(registry=_Registry(text)).events(batch([value]))
    assert not bad
    assert found.events.event_ids == ["e-1"]
    assert unreadable(text) is None


def test_composition_keeps_the_contract_and_its_order() -> None:
    """All groups are the contract itself; own fields come last, with defaults."""
    every = compose("event", ["commerce", "web", "device", "marketing", "custom"], OWN)
    assert problems(schemas.load("ExperienceEvent").json, every) == []
    assert [f["name"] for f in json.loads(every)["fields"]][-3:] == ["plan", "seats", "tags"]
    assert (
        problems(schemas.load("ProfileAttributes").json, compose("record", ["attributes"], []))
        == []
    )


@pytest.mark.parametrize(
    ("groups", "own", "why"),
    [
        (["shop"], [], "no field group 'shop'"),
        ([], [OwnField("web", "string")], "there already"),
        ([], [OwnField("plan", "string"), OwnField("plan", "long")], "there already"),
    ],
)
def test_what_cannot_be_composed(groups: list[str], own: list[OwnField], why: str) -> None:
    """Unknown groups and names that are taken are told."""
    with pytest.raises(CompositionError, match=why):
        compose("event", groups, own)


@pytest.mark.parametrize("text", ["2fast:string", "plan", "plan:date", "a b:long"])
def test_own_fields_are_checked(text: str) -> None:
    """A name that Avro takes, and a type that workers read."""
    with pytest.raises(CompositionError):
        OwnField.parse(text)


def test_a_tree_shows_every_field() -> None:
    """Nested records, lists, maps and what may be missing, a line each."""
    lines = list(tree(schemas.load("ExperienceEvent").json))
    assert lines[0].startswith("ExperienceEvent")
    assert any(line.startswith("├─ commerce") and "Commerce?" in line for line in lines)
    assert any(line.startswith("│  ├─ order") for line in lines)
    assert any("ProductListItem[]" in line for line in lines)
    assert any("map of IdentityItem[]" in line for line in lines)


def run(*arguments: str) -> Result:
    """The command in this process; errors are raised."""
    return CliRunner().invoke(app, ["schema", *arguments], catch_exceptions=False)


def test_new_check_show(tmp_path: Path) -> None:
    """From nothing to a file that may follow the release; it is not overwritten."""
    file = str(tmp_path / "visit.avsc")
    made = run("new", file, "--group", "web", "--field", "plan:string:The plan")
    assert made.exit_code == 0
    assert "may follow ExperienceEvent of release" in run("check", file).stdout
    assert "plan" in run("show", file).stdout
    with pytest.raises(LauncherError, match="is there already"):
        run("new", file)
    assert list(tmp_path.iterdir()) == [tmp_path / "visit.avsc"]


def changed(tmp_path: Path, change: Any) -> str:
    """A file with the contract after `change(fields)`."""
    content = json.loads(schemas.load("ExperienceEvent").json)
    change(content["fields"])
    path = tmp_path / "next.avsc"
    path.write_text(json.dumps(content))
    return str(path)


def _retype(fields: list[dict[str, Any]]) -> None:
    fields[1]["type"] = "string"


def _no_default(fields: list[dict[str, Any]]) -> None:
    fields.append({"name": "plan", "type": "string"})


def _remove_core(fields: list[dict[str, Any]]) -> None:
    del fields[2]


def _move(fields: list[dict[str, Any]]) -> None:
    fields.insert(0, fields.pop(2))


@pytest.mark.parametrize(
    ("change", "rule", "path"),
    [
        (_retype, "retyped", "/timestamp"),
        (_no_default, "added_without_default", "/plan"),
        (_remove_core, "removed", "/eventType"),
        (_move, "moved", "/"),
    ],
)
def test_the_broken_rule_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, rule: str, path: str
) -> None:
    """Each kind of break, against the released version."""
    file = changed(tmp_path, change)
    with pytest.raises(RuleBroken, match="may not follow ExperienceEvent of release"):
        run("check", file, "--json")
    found = json.loads(CliRunner().invoke(app, ["schema", "check", file, "--json"]).stdout)
    assert {"rule": rule, "path": path} in [
        {"rule": p["rule"], "path": p["path"]} for p in found["problems"]
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ('{"type": "recrod", "name": "A"}', "no Avro schema"),
        ('"string"', "no record"),
        ('{"type": "record", "name": "A"}', "no record"),
    ],
)
def test_files_that_are_no_schema(tmp_path: Path, text: str, why: str) -> None:
    """Empty, cut, misspelt, and something else: each has its words."""
    (tmp_path / "x.avsc").write_text(text)
    with pytest.raises(SchemaFileError, match=why):
        run("check", str(tmp_path / "x.avsc"))
    with pytest.raises(SchemaFileError, match="cannot be read"):
        run("show", str(tmp_path / "none.avsc"))


class _Server(ThreadingHTTPServer):
    """A registry on the loopback interface: subjects, versions, ids."""

    daemon_threads = True

    def __init__(self) -> None:
        self.subjects: dict[str, list[tuple[int, str]]] = {}
        self.refuse = False
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        versions = self.server.subjects.get(parts[1], []) if parts[0] == "subjects" else []
        if versions:
            number, text = versions[-1]
            self._answer(200, {"subject": parts[1], "version": len(versions), "id": number,
                               "schema": text})  # fmt: skip
        else:
            self._answer(404, {"error_code": 40401, "message": "Subject not found"})

    def do_POST(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
        if self.server.refuse:
            self._answer(409, {"error_code": 409, "message": "incompatible"})
            return
        versions = self.server.subjects.setdefault(parts[1], [])
        known = [i for i, (_, other) in enumerate(versions) if other == text]
        if not known:
            versions.append((100 + len(versions), text))
            known = [len(versions) - 1]
        number = versions[known[0]][0]
        self._answer(200, {"subject": parts[1], "version": known[0] + 1, "id": number,
                           "schema": text})  # fmt: skip

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    """A running registry that the settings name."""
    pytest.importorskip("confluent_kafka.schema_registry", reason="needs the extra: registry")
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("AFFLUX_REGISTRY_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_registering_a_first_a_same_and_a_next_version(tmp_path: Path, registry: _Server) -> None:
    """Ids and versions are those of the registry; the same text is no new version."""
    file = tmp_path / "a.avsc"
    run("new", str(file), "--group", "web")
    first = run("register", str(file), "--subject", "visits-value", "--json").stdout
    assert json.loads(first) == {"subject": "visits-value", "version": 1, "id": 100}
    again = run("register", str(file), "--subject", "visits-value", "--json").stdout
    assert json.loads(again)["version"] == 1
    run("new", str(file), "--group", "web", "--field", "plan:string", "--force")
    assert "version 2, id 101" in run("register", str(file), "--subject", "visits-value").stdout


def test_what_may_not_follow_is_not_registered(tmp_path: Path, registry: _Server) -> None:
    """A field that is gone, a registry that refuses, a registry that is not there."""
    file = tmp_path / "a.avsc"
    run("new", str(file), "--field", "plan:string")
    run("register", str(file), "--subject", "s")
    run("new", str(file), "--force")
    with pytest.raises(RuleBroken, match="version 1 of s: nothing was registered"):
        run("register", str(file), "--subject", "s")
    registry.refuse = True
    with pytest.raises(RuleBroken, match="refuses other"):
        run("register", str(file), "--subject", "other")
    assert set(registry.subjects) == {"s"}


def test_without_a_registry_it_says_what_to_set(tmp_path: Path) -> None:
    """The name of the setting is in the message."""
    run("new", str(tmp_path / "a.avsc"))
    with pytest.raises(LauncherError, match="AFFLUX_REGISTRY_URL"):
        run("register", str(tmp_path / "a.avsc"), "--subject", "s")


def test_what_workers_cannot_read_is_not_written_or_registered(tmp_path: Path) -> None:
    """Another name of the record would be refused with every record: it is told before."""
    content = json.loads(compose("event", [], []))
    content["name"] = "Visit"
    (tmp_path / "v.avsc").write_text(json.dumps(content))
    with pytest.raises(RuleBroken, match="workers read ExperienceEvent"):
        run("register", str(tmp_path / "v.avsc"), "--subject", "s")
