"""What is sent: commands with the slot of their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Args = Sequence[bytes | str | int]
"""One command with its arguments; its name is text."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command and the slot of its keys."""

    slot: int
    args: Args
