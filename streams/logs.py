"""Logging of a worker: one line an entry, quiet libraries, no secrets.

Values that may be secret are never passed to a logger: settings keep them in SecretStr.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, TextIO

# Faust names the loggers of subclasses after our modules.
_LIBRARIES = ("faust", "mode", "aiokafka", "streams.app", "streams.transport", "streams.fetching")
_LOUD = logging.CRITICAL
_librdkafka = logging.getLogger("librdkafka")
_librdkafka.addHandler(logging.NullHandler())
_librdkafka.propagate = False


class Lines(logging.Formatter):
    """`12:30:01.123 INFO    afflux.enrich  text`, tracebacks below."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s  %(message)s", "%H:%M:%S"
        )


class JsonLines(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def set_up_logging(level: str = "info", as_json: bool = False, to: TextIO | None = None) -> None:
    """Send our log to `to` (standard error) and keep the libraries quiet, except at debug."""
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(JsonLines() if as_json else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    quiet_libraries(level)


def quiet_libraries(level: str = "info") -> None:
    """Faust, mode and aiokafka report each retry as an error; what matters we say ourselves."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else _LOUD)


def quiet_librdkafka(options: dict[str, Any]) -> dict[str, Any]:
    """Options with which librdkafka logs through `logging` and not to standard error."""
    return {**options, "logger": _librdkafka}
