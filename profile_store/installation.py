"""What all processes of an installation agree on, and readers learn from the store itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from afflux.catalog import Catalog
from profile_store.errors import StoreMisconfigured, UnknownLayout
from profile_store.layouts import Layout

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Installation:
    """Numbers that never change, and every layout that rows may have.

    current: id of the layout that workers write now.
    """

    shards: int
    partitions: int
    current: int
    layouts: Mapping[int, Layout]

    @staticmethod
    def of(catalog: Catalog, shards: int, partitions: int) -> Installation:
        """What a worker with this catalog wants."""
        layout = Layout.of(catalog)
        return Installation(shards, partitions, layout.id, {layout.id: layout})

    def layout(self, id: int) -> Layout:
        """A layout. Raises UnknownLayout."""
        if id not in self.layouts:
            raise UnknownLayout(
                f"the store has a row of layout {id:016x}, which its installation does not name; "
                f"it names {', '.join(f'{known:016x}' for known in self.layouts)}"
            )
        return self.layouts[id]

    def encode(self) -> bytes:
        """Canonical JSON."""
        content = {
            "format": FORMAT,
            "shards": self.shards,
            "partitions": self.partitions,
            "layout": f"{self.current:016x}",
            "layouts": {f"{id:016x}": layout.to_json() for id, layout in self.layouts.items()},
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> Installation:
        """From its stored form. Raises StoreMisconfigured."""
        try:
            content: Any = json.loads(data)
            if content["format"] != FORMAT:
                raise StoreMisconfigured(
                    f"the store was set up by a newer Afflux (format {content['format']})"
                )
            layouts = {
                int(id, 16): Layout.from_json(int(id, 16), layout)
                for id, layout in content["layouts"].items()
            }
            current = int(content["layout"], 16)
            return Installation(content["shards"], content["partitions"], current, layouts)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreMisconfigured(
                f"the installation record of the store is damaged: {error!r}"
            ) from None


class InstallationStore(Protocol):
    """A store that keeps the record."""

    async def installation(self) -> bytes:
        """The stored record, b"" if there is none."""
        ...

    async def swap_installation(self, found: bytes, wanted: bytes) -> bool:
        """Replace what was `found` (b"" for none); False if it is another by now."""
        ...


async def read_installation(store: InstallationStore) -> Installation | None:
    """The installation of a store, None before the first worker or `topics create`."""
    data = await store.installation()
    return Installation.decode(data) if data else None


async def ensure_installation(store: InstallationStore, wanted: Installation) -> Installation:
    """Set the store up, or add the layout of `wanted` to it; returns what is stored then.

    Raises StoreMisconfigured when the store was set up with other shards or partitions.
    """
    while True:
        found = await store.installation()
        target = _joined(Installation.decode(found), wanted) if found else wanted
        if found == target.encode() or await store.swap_installation(found, target.encode()):
            return target


def _joined(stored: Installation, wanted: Installation) -> Installation:
    for what in ("shards", "partitions"):
        is_there, is_wanted = getattr(stored, what), getattr(wanted, what)
        if is_there != is_wanted:
            raise StoreMisconfigured(
                f"the profile store was set up for {is_there} {what}, not {is_wanted}: they are "
                "fixed at installation. Use the old number, or an empty store and a replay"
            )
    return replace(stored, current=wanted.current, layouts={**stored.layouts, **wanted.layouts})
