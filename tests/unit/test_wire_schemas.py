"""The contracts: they load, they are documented, and every example is what its name says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import schemas
from schemas.evolution import problems
from streams.avro_tree import parse
from streams.message_writer import EncodeError, MessageWriter
from streams.pyruhvro_guard import check_size
from streams.updates import decode


def fields(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All fields of a schema with their paths, at any depth."""
    if isinstance(node, list):
        for branch in node:
            yield from fields(branch, path)
    elif isinstance(node, dict):
        for field in node.get("fields", ()):
            yield f"{path}/{field['name']}", field
            yield from fields(field["type"], f"{path}/{field['name']}")
        for inner in ("items", "values"):
            yield from fields(node.get(inner), f"{path}/*")


@pytest.mark.parametrize("name", schemas.NAMES)
def test_everything_is_documented(name: str) -> None:
    """A reader of an .avsc learns what each record and field means, its unit and its limits."""
    raw = json.loads(schemas.load(name).json)
    assert raw["doc"]
    found = dict(fields(raw))
    assert found
    assert [path for path, field in found.items() if len(field.get("doc", "")) < 10] == []


@pytest.mark.parametrize("name", schemas.NAMES)
def test_a_contract_is_safe_to_decode(name: str) -> None:
    """Our own contracts pass the allow-list that registered schemas must pass."""
    tree = parse(schemas.load(name).json)
    check_size(tree)
    assert tree.name == name


def test_the_fingerprint_of_the_specification() -> None:
    """CRC-64-AVRO, little-endian, as Avro's specification has it for these schemas."""
    assert schemas.schema_from_json("N", '"null"').fingerprint.hex() == "8a8f25cce724dd63"
    assert schemas.schema_from_json("N", '"int"').fingerprint[::-1].hex() == "7275d51a3f395c8f"


def test_a_doc_does_not_change_the_fingerprint() -> None:
    """Records stay readable when only words in a schema are corrected."""
    text = schemas.load("ModelUpdate").json
    other = schemas.schema_from_json("ModelUpdate", text.replace("A new snapshot", "Some news"))
    assert other.json != text
    assert other.fingerprint == schemas.load("ModelUpdate").fingerprint


def test_lookup_by_fingerprint() -> None:
    """Every version of every contract is found by what stands in its frame, nothing else is."""
    for name in schemas.NAMES:
        for version in schemas.versions(name):
            found = schemas.by_fingerprint(version.fingerprint)
            assert found is not None
            assert found.name == name
    assert schemas.by_fingerprint(bytes(8)) is None


def test_an_unknown_name() -> None:
    """Asking for a contract that does not exist names those that do."""
    with pytest.raises(KeyError, match="ExperienceEvent"):
        schemas.load("Event")


def test_releases_hold_all_contracts() -> None:
    """A release is kept whole, and every one is still known by its fingerprints."""
    assert schemas.releases()
    for release in schemas.releases():
        shipped = schemas.released(release)
        assert shipped
        for schema in shipped:
            known = {v.fingerprint for v in schemas.versions(schema.name)}
            assert schema.fingerprint in known


UNRELEASED = ("ModelCommand", "ProfileAttributePatch", "BasketExample")


@pytest.mark.parametrize("name", schemas.NAMES)
def test_evolution_is_additive(name: str) -> None:
    """The current contract may follow every release: nothing removed, renamed, retyped, moved.

    One that no release has shipped yet follows nothing.
    """
    current = schemas.load(name)
    before = [s for r in schemas.releases() for s in schemas.released(r) if s.name == name]
    assert bool(before) == (name not in UNRELEASED)
    assert [problem for s in before for problem in problems(s.json, current.json)] == []


@pytest.mark.parametrize("name", schemas.NAMES)
def test_there_are_examples(name: str) -> None:
    """Every contract has good and bad examples."""
    reasons = {bool(example.reason) for example in schemas.examples(name)}
    assert reasons == {True, False}


GOOD = [e for name in schemas.NAMES for e in schemas.examples(name) if not e.reason]
MISSHAPEN = [
    e for name in schemas.NAMES for e in schemas.examples(name) if e.reason == "invalid_avro"
]


@pytest.mark.parametrize("example", GOOD, ids=lambda e: f"{e.schema}-{e.name}")
@pytest.mark.parametrize("fast", [True, False], ids=["pyruhvro", "fastavro"])
def test_good_examples_come_back(example: schemas.Example, fast: bool) -> None:
    """A good example is written and read again; all that it says is still there."""
    writer = MessageWriter(example.schema, fast)
    [value] = writer.write(writer.columns([example.value]))
    assert contains(decode(example.schema, value), example.value)


@pytest.mark.parametrize("example", MISSHAPEN, ids=lambda e: f"{e.schema}-{e.name}")
def test_misshapen_examples_cannot_be_written(example: schemas.Example) -> None:
    """A value of another form than the contract's is refused, with the place."""
    with pytest.raises(EncodeError) as refused:
        MessageWriter(example.schema).columns([example.value])
    assert refused.value.pointer


def contains(whole: Any, part: Any) -> bool:
    """Whether `part` is in `whole`, which may have more fields."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)
