"""Where the enrich plane has its data sets from: the declarations, looked for every second."""

from __future__ import annotations

import logging

from profile_store.dataset_definitions import Datasets, DatasetStore
from profile_store.errors import StoreMisconfigured

log = logging.getLogger("afflux.datasets")


class DeclaredDatasets:
    """The data sets of a store. A damaged record is left alone, with one error."""

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self._seen = b""
        self.current = Datasets()

    async def refresh(self) -> None:
        """Adopt what was declared since. Raises StoreUnavailable."""
        data = await self._store.datasets()
        if data == self._seen:
            return
        self._seen = data
        try:
            self.current = Datasets.decode(data)
        except StoreMisconfigured as error:
            log.error("the declared data sets are not used: %s", error)
            return
        off = [one.name for one in self.current.by_number if not one.enabled]
        log.info(
            "data sets, version %d: %s%s",
            self.current.version,
            ", ".join(self.current.declared),
            f"; disabled: {', '.join(off)}" if off else "",
        )
