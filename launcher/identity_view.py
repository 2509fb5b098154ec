"""The links of a person for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table


def links_table(found: Mapping[str, Any]) -> Table:
    """A row for each link, the newest first."""
    table = Table(
        "link", "", "state", "since", "by event", box=None, header_style="bold", pad_edge=False
    )
    for link in found["links"]:
        since = datetime.fromtimestamp(link["since"] / 1000, UTC)
        table.add_row(link["one"], link["other"], link["state"], f"{since:%F %T}", link["by_event"])
    return table


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The profile, who is left out, the bridge."""
    yield ""
    yield f"profile {found['profile_id']}: {', '.join(found['identities'])}"
    for one in found["left_out"]:
        yield f"left out: {one['identity']}: {one['because']}"
    for name in found["shared"]:
        yield f"shared: {name} links too many people; its links do not count"
    bridge = found["bridge"]
    if bridge is not None:
        sizes = " and ".join(map(str, bridge["parts"]))
        yield f"bridge: without {bridge['identity']} there would be parts of {sizes} identities"
