"""What goes to the terminal: people read it in colour, pipes get clean lines."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console

_PIPE_COLUMNS = 160


@functools.cache
def out() -> Console:
    """Standard output."""
    return Console(highlight=False, width=_width(sys.stdout))


@functools.cache
def err() -> Console:
    """Standard error: progress, warnings and errors."""
    return Console(stderr=True, highlight=False, width=_width(sys.stderr))


def _width(stream: TextIO) -> int | None:
    """Pipes and files are not cut at 80 columns."""
    return None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_COLUMNS


def plain(text: str) -> None:
    """A line on standard output as it is: no markup, no wrapping."""
    out().out(text, highlight=False)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON value on one line of standard output."""
    plain(json.dumps(value, ensure_ascii=False, default=str))


def say(text: str) -> None:
    """A remark for a person, on standard error, so that standard output stays data."""
    err().print(text, markup=False, soft_wrap=True)


def report(message: str, hint: str = "") -> None:
    """An error for a person."""
    err().print(f"[bold red]error:[/] {_escape(message)}", soft_wrap=True)
    if hint:
        err().print(f"[bold]hint:[/]  {_escape(hint)}", soft_wrap=True)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
