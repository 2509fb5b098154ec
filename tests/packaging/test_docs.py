"""The documents are about this code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import CollectorRegistry

import schemas
from afflux.codes import REJECTED
from launcher.cli import app
from launcher.settings import OUTSIDE, fields, variable
from launcher.settings_docs import configuration, env_example
from project_files import ROOMS, ROOT, documents, files, inline_code
from streams.encoding import encode_events
from streams.metrics import Metrics
from streams.topics import INPUT_TOPICS, TOPICS, dead_letters

PAGES = [str(path.relative_to(ROOT)) for path in documents()]
SETTINGS = {variable(group, field) for group, field, _ in fields()} | OUTSIDE
FILE = re.compile(rf"^(?:{'|'.join(ROOMS)}|tests|benchmarks|docs)/[\w./-]+$")


def text(page: str) -> str:
    """A document."""
    return (ROOT / page).read_text()


def commands(page: str) -> Iterator[list[str]]:
    """Words behind `afflux` in the code of a document."""
    for code in inline_code(text(page)):
        found = re.match(r"(?:\$ )?(?:\.venv/bin/)?afflux ([a-z][^#&|]*)", code)
        if found:
            yield found[1].split()


def test_settings_are_documented() -> None:
    """Reference and example are what the settings themselves say; `settings_docs` writes both."""
    assert text("docs/configuration.md") == configuration()
    assert text(".env.example") == env_example()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Links within the project exist."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text(page)):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_files_exist(page: str) -> None:
    """Files that a document names are there."""
    for code in inline_code(text(page)):
        if FILE.match(code):
            assert (ROOT / code).exists(), code


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    """Commands and options of `afflux` that a document shows are there."""
    for words in commands(page):
        found: Any = typer.main.get_command(app)
        for word in words:
            if word.startswith("--"):
                known = {name for p in found.params for name in p.opts}
                assert word in known, words
            elif hasattr(found, "commands"):
                assert word in found.commands, words
                found = found.commands[word]


@pytest.mark.parametrize("page", PAGES)
def test_settings_exist(page: str) -> None:
    """Variables that a document names are settings."""
    assert set(re.findall(r"\bAFFLUX_[A-Z_]+[A-Z]\b", text(page))) <= SETTINGS


def test_messages_name_settings_that_exist() -> None:
    """Neither does any message in the code name a variable that is none."""
    for room in ROOMS:
        for path in files(room):
            if path.suffix == ".py":
                found = set(re.findall(r"\bAFFLUX_(?!FAUST_)[A-Z_]+[A-Z]\b", path.read_text()))
                assert found <= SETTINGS, path


def test_the_runbook_knows_every_code() -> None:
    """An operator finds each reason of a dead letter."""
    missing = [code.name for code in REJECTED if f"`{code.name}`" not in text("docs/runbook.md")]
    assert not missing


def test_the_runbook_knows_every_metric() -> None:
    """Each metric is in the table, with the meaning that it has in the code."""
    registry = CollectorRegistry()
    Metrics(registry)
    rows = {
        f"| `{m.name}{'_total' if m.type == 'counter' else ''}` | {m.documentation} |"
        for m in registry.collect()
    }
    assert rows
    assert not rows - set(text("docs/runbook.md").splitlines())


def test_the_architecture_knows_every_topic() -> None:
    """The table of topics has key, values and policy of each."""
    page = text("ARCHITECTURE.md")
    letters = {dead_letters(topic).name for topic in INPUT_TOPICS}
    for topic in TOPICS:
        if topic.name in letters:
            continue
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{topic.name}` |")]
        assert row.endswith(f"| {topic.cleanup} |")
        assert ", ".join(topic.values) in row


def test_the_glossary_points_at_code() -> None:
    """Its words are in alphabetical order, with one place each."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| .+ \| `(.+)` \|$", text("docs/glossary.md"), re.M)
    words = [word for word, _ in rows]
    assert len(words) >= 25
    assert words == sorted(words, key=str.lower)
    assert not [path for _, path in rows if not (ROOT / path).exists()]


def test_the_event_of_the_readme_is_one() -> None:
    """The event that the README shows is accepted, and its score has the fields of the contract."""
    event, score = (
        json.loads(b) for b in re.findall(r"```json\n(.+?)```", text("README.md"), re.S)
    )
    event["timestamp"] = 1_514_888_100_000
    assert encode_events([event])[0]
    contract = json.loads(schemas.load("ScoreUpdate").json)
    assert list(score) == [field["name"] for field in contract["fields"]]
    [items] = [f["type"]["items"] for f in contract["fields"] if f["name"] == "scores"]
    assert list(score["scores"][0]) == [field["name"] for field in items["fields"]]


def test_decisions_are_listed() -> None:
    """The index of decisions has each one, with its title."""
    index = text("docs/decisions/README.md")
    for path in sorted(Path(ROOT / "docs" / "decisions").glob("0*.md")):
        number, _, title = path.read_text().splitlines()[0].removeprefix("# ").partition(" ")
        assert f"- [{number}]({path.name}) {title}" in index
