"""Who read personal data, and whose: a line of JSON each, in which nobody is named.

People are there by profile id, keys by their id; identities and attributes never are.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from time import time

AUDIT = "afflux.audit"
"""The logger; whoever runs the gateway says where it goes."""


class Audit:
    """Writes the log."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._log = logging.getLogger(AUDIT)

    def read(self, key: str, profiles: Iterable[str | None], fields: Iterable[str] | None) -> None:
        """Profiles were read; None for a person who is not known."""
        self._write(key, "read", profiles=list(profiles), fields=_tops(fields))

    def exported(self, key: str, profile: str) -> None:
        """All that is kept of a person was handed out."""
        self._write(key, "export", profile=profile)

    def deleted(self, key: str, profile: str, receipt: str) -> None:
        """A person is to be forgotten."""
        self._write(key, "delete", profile=profile, receipt=receipt)

    def consented(self, key: str, profile: str, scoring: bool) -> None:
        """A person may, or may not, be scored."""
        self._write(key, "consent", profile=profile, scoring=scoring)

    def linked(self, key: str, profiles: Iterable[str], together: bool) -> None:
        """Two identities were linked, or their link was cut, by hand."""
        self._write(key, "link" if together else "unlink", profiles=list(profiles))

    def subscribed(self, key: str, everybody: bool, all_models: bool) -> None:
        """Score updates go out from now on, of one person or of everybody."""
        # Names of models are as they were sent, and could be anything.
        self._write(key, "subscribe", everybody=everybody, all_models=all_models)

    def refused(self, key: str, why: str) -> None:
        """A key was not enough."""
        self._write(key, "refused", why=why)

    def _write(self, key: str, action: str, **more: object) -> None:
        entry = {"at": round(self._clock() * 1000), "key": key, "action": action, **more}
        self._log.info("%s", json.dumps(entry, separators=(",", ":")))


def _tops(fields: Iterable[str] | None) -> list[str] | None:
    """Names below `attributes` are chosen by whoever writes them: only the field is told."""
    return None if fields is None else sorted({name.partition(".")[0] for name in fields})
