"""Server-sent events, line by line: no sockets here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ScoreEvent:
    """A score update. id: where the stream is after it, to go on from there."""

    id: str
    update: dict[str, Any]


class EventStream:
    """Takes lines, gives events; `last_id` is where to go on.

    >>> stream = EventStream()
    >>> [stream.line(text) for text in ("id: 1a2b3c4d.7", "event: score", 'data: {"a": 1}')]
    [None, None, None]
    >>> stream.line("")
    ScoreEvent(id='1a2b3c4d.7', update={'a': 1})
    """

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self.retry_s = 1.0
        self._data: list[str] = []
        self._id = last_id

    def line(self, text: str) -> ScoreEvent | None:
        """Take one line without its end; the event that it completes."""
        if not text:
            return self._dispatch()
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        elif name == "retry" and value.isdecimal():
            self.retry_s = int(value) / 1000
        return None

    def broken(self) -> None:
        """The connection is gone: what was begun is forgotten."""
        self._data.clear()
        self._id = self.last_id

    def _dispatch(self) -> ScoreEvent | None:
        self.last_id = self._id
        if not self._data:
            return None
        data = "\n".join(self._data)
        self._data.clear()
        return ScoreEvent(self.last_id or "", json.loads(data))
