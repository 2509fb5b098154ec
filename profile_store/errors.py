"""Errors of the profile store.

AffluxError
  StoreError
    StoreUnavailable      the server is away: retry
    StoreMisconfigured    it answers, but must not be used as it is (eviction on, wrong type)
    UnknownLayout         a row cannot be read by what the store says of its layouts
"""

from __future__ import annotations

from afflux.names import AffluxError


class StoreError(AffluxError):
    """Something is wrong with the store."""


class StoreUnavailable(StoreError):
    """The server cannot be reached or does not answer in time; nothing is known to be written."""


class StoreMisconfigured(StoreError):
    """The server is reachable but cannot hold profiles safely."""


class UnknownLayout(StoreError):
    """A stored row has a layout that nobody described, or that this version cannot read."""
