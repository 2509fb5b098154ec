"""Where profiles live between events, and how they are read.

`ProfileStore` and `AsyncProfileStore` read profiles; workers write shards through
`RedisShardStore` (`profile_store.redis_store`).
"""

from afflux.merge_policy import MergePolicy
from profile_store.blocking import ProfileStore
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
from profile_store.reader import AsyncProfileStore
from profile_store.similar import Alike, Similar
from profile_store.timelines import CursorError, TimelineEvent, TimelinePage

__all__ = [
    "Affinity",
    "Alike",
    "AsyncProfileStore",
    "CursorError",
    "Engagement",
    "Factor",
    "Membership",
    "MergePolicy",
    "OpenExample",
    "Profile",
    "ProfileStore",
    "RedisOptions",
    "Score",
    "Similar",
    "StoreError",
    "StoreMisconfigured",
    "StoreUnavailable",
    "TimelineEvent",
    "TimelinePage",
    "UnknownLayout",
]
