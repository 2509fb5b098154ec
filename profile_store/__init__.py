"""Where profiles live between events, and how they are read.

`ProfileStore` and `AsyncProfileStore` read profiles; workers write shards through
`RedisShardStore` (`profile_store.redis_store`).
"""

from afflux.merge_policy import MergePolicy
from profile_store.errors import StoreError, StoreMisconfigured, StoreUnavailable, UnknownLayout
from profile_store.options import RedisOptions
from profile_store.profile import (
    Affinity,
    Engagement,
    Factor,
    Membership,
    OpenExample,
    Profile,
    Score,
)
from profile_store.reader import AsyncProfileStore, ProfileStore

__all__ = [
    "Affinity",
    "AsyncProfileStore",
    "Engagement",
    "Factor",
    "Membership",
    "MergePolicy",
    "OpenExample",
    "Profile",
    "ProfileStore",
    "RedisOptions",
    "Score",
    "StoreError",
    "StoreMisconfigured",
    "StoreUnavailable",
    "UnknownLayout",
]
