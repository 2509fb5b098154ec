"""Where the enrich plane has its audiences from: the saved definitions, looked for every second."""

from __future__ import annotations

import asyncio
import logging

from afflux.audiences.judging import Rules
from afflux.audiences.refusal import RuleError
from afflux.audiences.vocabulary import Vocabulary
from afflux.catalog import Catalog
from audience_rules import compile_rules
from profile_store.audience_definitions import Definitions, DefinitionStore
from profile_store.errors import StoreMisconfigured

log = logging.getLogger("afflux.audiences")


class AudienceSource:
    """The rules that are live. None as long as nothing was ever saved.

    Definitions that cannot be used (rules name a model that this worker has not, a damaged
    record) are left alone, with one error; the worker goes on with those at hand.
    """

    def __init__(self, store: DefinitionStore, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._seen = b""
        self.current: Rules | None = None

    async def refresh(self) -> None:
        """Adopt definitions that were saved since. Raises StoreUnavailable."""
        data = await self._store.definitions()
        if data == self._seen:
            return
        self._seen = data
        try:
            # The parser takes half a second when it is first made: events do not wait for it.
            self.current = await asyncio.to_thread(
                compiled, Definitions.decode(data), self._catalog
            )
        except (RuleError, StoreMisconfigured) as error:
            log.error("the saved audiences are not used: %s", error)
            return
        names = ", ".join(self.current.names) or "none"
        log.info("audiences, version %d: %s", self.current.version, names)


def compiled(definitions: Definitions, catalog: Catalog) -> Rules:
    """The rules of an installation. Raises RuleError."""
    words = Vocabulary.of_catalog(catalog, definitions.types)
    program = compile_rules(definitions.rules, words)
    return Rules(definitions.version, program, definitions.layouts)
