"""The contracts on the wire. This module is the only way to load one.

`avro/` holds the current schemas, `avro/released/<version>/` what each release shipped: a
record names its writer schema by fingerprint, and a writer may be as old as the first release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from fastavro.schema import fingerprint as _fingerprint
from fastavro.schema import parse_schema, to_parsing_canonical_form

CURRENT = "current"
NAMES: tuple[str, ...] = (
    "ExperienceEvent",
    "ControlRecord",
    "ProfileAttributes",
    "ProfileAttributePatch",
    "ScoreUpdate",
    "AudienceUpdate",
    "TrainingExample",
    "BasketExample",
    "ModelUpdate",
    "ModelCommand",
    "DeadLetterHeaders",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one contract."""

    name: str
    release: str
    """The release that shipped it first, or "current"."""
    json: str
    """The text of the .avsc file."""
    fingerprint: bytes
    """CRC-64-AVRO of the canonical form, 8 bytes, little-endian: as on the wire."""
    parsed: Mapping[str, Any] = field(compare=False, repr=False)
    """What fastavro reads and writes with."""


def schema_from_json(name: str, text: str, release: str = CURRENT) -> Schema:
    """A schema from its text.

    Raises fastavro.schema.SchemaParseException or ValueError where it is none.

    >>> schema_from_json("N", '"int"').fingerprint.hex()
    '8f5c393f1ad57572'
    """
    raw = json.loads(text)
    digest = _fingerprint(to_parsing_canonical_form(raw), "CRC-64-AVRO")
    parsed: Any = parse_schema(raw)
    return Schema(name, release, text, bytes.fromhex(digest), parsed)


@cache
def load(name: str) -> Schema:
    """The current version of a contract; KeyError for an unknown name.

    >>> load("ExperienceEvent").name
    'ExperienceEvent'
    """
    if name not in NAMES:
        raise KeyError(f"no schema {name!r}, there are: {', '.join(NAMES)}")
    text = resources.files(__name__).joinpath("avro", f"{name}.avsc").read_text("utf-8")
    return schema_from_json(name, text)


@cache
def releases() -> tuple[str, ...]:
    """Released versions, the oldest first."""
    folder = resources.files(__name__).joinpath("avro", "released")
    names = [f.name for f in folder.iterdir() if f.is_dir()] if folder.is_dir() else []
    return tuple(sorted(names, key=lambda v: tuple(int(part) for part in v.split("."))))


def released(release: str) -> tuple[Schema, ...]:
    """The schemas that a release shipped."""
    folder = resources.files(__name__).joinpath("avro", "released", release)
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".avsc")), key=lambda f: f.name)
    return tuple(
        schema_from_json(f.name.removesuffix(".avsc"), f.read_text("utf-8"), release) for f in files
    )


@cache
def versions(name: str) -> tuple[Schema, ...]:
    """Every distinct version of a contract, the oldest release first, the current one last."""
    current = load(name)
    found = {s.fingerprint: s for r in reversed(releases()) for s in released(r) if s.name == name}
    found.pop(current.fingerprint, None)
    return (*reversed(list(found.values())), current)


@cache
def _all_by_fingerprint() -> Mapping[bytes, Schema]:
    return {s.fingerprint: s for name in NAMES for s in versions(name)}


def by_fingerprint(fingerprint: bytes) -> Schema | None:
    """The schema, of any contract and version, with these 8 bytes; None if there is none."""
    return _all_by_fingerprint().get(fingerprint)


@dataclass(frozen=True, slots=True)
class Example:
    """A value of a contract, as JSON, with what becomes of it."""

    schema: str
    name: str
    """File name without its ending."""
    reason: str
    """Why it is rejected: the name of a code; empty for a good one."""
    value: Any


@cache
def examples(name: str) -> tuple[Example, ...]:
    """The examples of a contract. A file is called `good-<what>` or `bad-<code>-<what>`."""
    folder = resources.files(__name__).joinpath("examples", name)
    found = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        stem = file.name.removesuffix(".json")
        kind, rest = stem.split("-", 1)
        reason = rest.split("-", 1)[0] if kind == "bad" else ""
        found.append(Example(name, stem, reason, json.loads(file.read_text("utf-8"))))
    return tuple(found)
