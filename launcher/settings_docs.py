"""Writes `.env.example` and `docs/configuration.md` from the settings themselves.

Run `python -m launcher.settings_docs` after a change; a test compares.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from launcher.setting_groups import Group
from launcher.settings import Settings, fields, variable

_INTRO = """# Configuration

Every setting can be given in three places; the first that has it wins:

1. an environment variable, as listed here,
2. the same line in a file `.env` in the current folder,
3. `afflux.toml` in the current folder, or the file that `AFFLUX_CONFIG` names, where
   `AFFLUX_KAFKA_BOOTSTRAP` is `bootstrap` in the table `[kafka]`.

`afflux config` shows what is in force, secrets masked. A name that is no setting is refused.
Where Kafka and Redis are not set, commands use the stack that `afflux up` started from the same
data folder.

Two variables are not settings: `AFFLUX_CONFIG`, see above, and `AFFLUX_CACHE_DIR`, where
downloads are kept (default `~/.cache/afflux`).
"""


def env_example() -> str:
    """The text of `.env.example`."""
    lines = ["# Every setting with its default. Copy to .env and change what you need."]
    last = None
    for group, name, info in fields():
        if group != last:
            lines += ["", f"# {_title(group)}"] if group else [""]
            last = group
        lines.append(f"# {info.description}" + _choices(info))
        lines.append(f"#{variable(group, name)}={_default(info)}")
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """The text of `docs/configuration.md`."""
    return _INTRO + "\n".join(_tables()) + "\n"


def _tables() -> Iterator[str]:
    last = None
    for group, name, info in fields():
        if group != last:
            heading = f"`[{group}]`: {_title(group)}" if group else "The installation"
            yield f"\n## {heading}\n\n| variable | default | meaning |\n|---|---|---|"
            last = group
        default = _default(info)
        meaning = (info.description + _choices(info)).replace("|", "\\|")
        yield f"| `{variable(group, name)}` | {f'`{default}`' if default else ''} | {meaning} |"


def _title(group: str) -> str:
    kind = Settings.model_fields[group].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, Group)
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _default(info: Any) -> str:
    value = info.default
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(info: Any) -> str:
    words = [a for a in get_args(info.annotation) if isinstance(a, str)]
    return f" ({', '.join(words)})" if words else ""


def write(root: Path) -> None:
    """Write both files below the root of the repository."""
    (root / ".env.example").write_text(env_example())
    (root / "docs" / "configuration.md").write_text(configuration())


if __name__ == "__main__":
    write(Path(__file__).resolve().parent.parent)
