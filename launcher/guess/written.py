"""The files that `afflux init` writes: a mapping and settings, each line with why it is there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import yaml

from launcher.guess.proposal import Proposal
from launcher.setting_groups import LimitSettings
from launcher.settings import Settings

_DAY_S = 86_400
_SPARE_DAYS = 365
_ORDER = (
    "identity", "time", "event", "id", "transaction", "amount", "amount_is", "quantity", "items",
    "campaign", "negative", "duplicates", "delimiter", "decimal",
)  # fmt: skip


def mapping_text(found: Proposal) -> str:
    """The mapping as YAML, with what it was guessed from."""
    sample = found.sample
    of = "all" if sample.whole else "some"
    lines = [
        f"# What the columns of {sample.path.name} mean, guessed from {of} of its rows",
        f"# ({sample.rows:,}). Look at what is less than certain, then try it:",
        f"#   afflux evaluate {sample.path.name} --mapping mapping.yml",
        f"#   afflux ingest {sample.path.name} --mapping mapping.yml",
        "# Every key is described in docs/evaluate.md.",
    ]
    for key in _ORDER:
        if key in found.mapping:
            lines += _why(found, key)
            lines.append(f"{key}: {_inline(found.mapping[key])}")
    if found.unknown:
        lines += ["", "# Not guessed:"]
        lines += [f"#   {line}" for line in found.unknown]
    return "\n".join(lines) + "\n"


def _why(found: Proposal, key: str) -> Iterator[str]:
    yield ""
    for role, guess in found.guesses.items():
        if role == key or role.startswith(f"{key}."):
            name = f"{role.split('.')[1]}: " if "." in role else ""
            yield f"# {name}{guess.confidence:.0%} sure: {guess.why}"
    for note in found.notes.get(key, ()):
        yield f"# {note}"
    others = ", ".join(g.column for g in found.others.get(key, ()))
    if others:
        yield f"# it could also be {others}"


def _inline(value: Any) -> str:
    text = yaml.safe_dump(
        value, sort_keys=False, default_flow_style=True, allow_unicode=True, width=10_000
    )
    return text.removesuffix("...\n").rstrip("\n")


def settings_text(found: Proposal, now: datetime) -> str:
    """`afflux.toml` for this file: only what has to differ from what holds anyway."""
    default = LimitSettings.model_fields["horizon_days"].default
    needed = horizon_days(found, now)
    limits = (
        f"# The first event that was seen is of {found.first:%Y-%m-%d}.\n"
        if found.first is not None
        else ""
    )
    active = "" if needed > default else "# "
    partitions = Settings.model_fields["partitions"].default
    return f"""\
# Settings of Afflux in this folder. Variables AFFLUX_... and .env win over this file;
# docs/configuration.md describes every setting. What is commented out is what holds anyway.

# data_dir = ".afflux"       # what `afflux up` keeps
# partitions = {partitions}             # of the input topics; fixed at installation

[kafka]
# bootstrap = ""             # host:port; empty: the stack that `afflux up` started here

[redis]
# url = ""                   # redis://host:6379; empty: the same stack

[limits]
# How old an event may be when it comes in, days.
{limits}{active}horizon_days = {max(needed, default)}

[learn]
# models = ""                # names, separated by commas; empty: all
"""


def horizon_days(found: Proposal, now: datetime) -> int:
    """How many days an event may be old, so that those of the sample come in."""
    if found.first is None:
        return 0
    return math.ceil((now - found.first).total_seconds() / _DAY_S) + _SPARE_DAYS
