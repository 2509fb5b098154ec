"""The Lua scripts, named by their SHA-1 as EVALSHA does."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from profile_store.commands import Args


@dataclass(frozen=True, slots=True)
class Script:
    """One script; `text` is its source."""

    text: str
    sha: str

    def load(self) -> Args:
        """The command that makes `call` possible."""
        return ("SCRIPT", "LOAD", self.text)

    def call(self, keys: list[bytes], args: list[bytes]) -> Args:
        """EVALSHA."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)

    def with_text(self, call: Args) -> Args:
        """The same call for a server that has forgotten the script."""
        return ("EVAL", self.text, *call[2:])


def read_script(name: str) -> Script:
    """A script of the folder `lua`."""
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text("utf-8")
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


COMMIT = read_script("commit")
SNAPSHOT = read_script("snapshot")
SWAP = read_script("swap")
