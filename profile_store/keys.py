"""Names of the keys. All keys of a shard carry its hash tag: one slot, one master.

    f:{tag}:namespace:id:dataset   fragment row
    v:{tag}:namespace:id           served row
    a:{tag}:namespace:id:dataset   attributes
    l:{tag}:namespace:id           edges
    i:{tag}:namespace:id           interests
    t:{tag}:namespace:id:dataset   timeline (list of events, in the order of the log)
    d:{tag}                        deadlines (sorted set of identities)
    o:{tag}                        outbox
    p:{tag}                        position, counters, last numbers of sources
    u:{tag}:namespace:id           memberships in audiences
    n:{tag}:audience               members of an audience (sorted set of identities, all at 0)
    b:{tag}                        how far the back-fill of audiences is
    c:{tag}                        events and money a day (hash)
    m:{model}:version              snapshot of a model; m:{model} names the current one
    h:{model}, k:{model}           lists of the recent snapshots, and of those that are kept longer
    r:{model}                      what is known of each snapshot (hash)
    afflux:installation            what all processes agree on
    afflux:audiences               definitions of all audiences
    afflux:datasets                declarations of all data sets

Namespace, id, dataset, model and audience are percent-encoded.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from afflux.names import Dataset, Identity
from profile_store.hash_tags import SLOTS, slot_of, tag_of_slot

INSTALLATION = b"afflux:installation"
INSTALLATION_SLOT = slot_of(INSTALLATION)
AUDIENCES = b"afflux:audiences"
AUDIENCES_SLOT = slot_of(AUDIENCES)
DATASETS = b"afflux:datasets"
DATASETS_SLOT = slot_of(DATASETS)

_SAFE = (string.ascii_letters + string.digits + "-._~@+").encode()
_UNSAFE = re.compile(rb"[^A-Za-z0-9._~@+-]")


def escape(part: bytes) -> bytes:
    """Percent-encoded form of one part of a key.

    >>> escape(b"a b:c@d")
    b'a%20b%3Ac@d'
    """
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], part)


def escape_identities(identities: Sequence[Identity]) -> Sequence[bytes]:
    """`namespace:id` with both parts percent-encoded; the colon between them stays.

    >>> escape_identities([Identity(b"crm:42"), Identity(b"crm:4:2")])
    [b'crm:42', b'crm:4%3A2']
    """
    # One pass in C over all: only then does each identity hold one colon and nothing unsafe.
    unsafe = b"\n".join(identities).translate(None, _SAFE)
    if unsafe == b"\n".join([b":"] * len(identities)):
        return identities
    return [
        b"%s%s%s" % (escape(namespace), colon, escape(name))
        for namespace, colon, name in (i.partition(b":") for i in identities)
    ]


class Keys:
    """Keys of an installation with `shards` shards, 1..16384, spaced evenly over the slots."""

    def __init__(self, shards: int) -> None:
        if not 1 <= shards <= SLOTS:
            raise ValueError(f"shards must be 1..{SLOTS}, not {shards}")
        self.shards = shards
        tags = [tag_of_slot(self.slot(shard)) for shard in range(shards)]
        self._position = [b"p:{%s}" % tag for tag in tags]
        self._outbox = [b"o:{%s}" % tag for tag in tags]
        self._deadlines = [b"d:{%s}" % tag for tag in tags]
        self._fragment = [b"f:{%s}:" % tag for tag in tags]
        self._served = [b"v:{%s}:" % tag for tag in tags]
        self._attributes = [b"a:{%s}:" % tag for tag in tags]
        self._edges = [b"l:{%s}:" % tag for tag in tags]
        self._interests = [b"i:{%s}:" % tag for tag in tags]
        self._timelines = [b"t:{%s}:" % tag for tag in tags]
        self._volumes = [b"c:{%s}" % tag for tag in tags]
        self._barrier = [b"w:{%s}" % tag for tag in tags]
        self._memberships = [b"u:{%s}:" % tag for tag in tags]
        self._members = [b"n:{%s}:" % tag for tag in tags]
        self._swept = [b"b:{%s}" % tag for tag in tags]
        self._shard_of_tag = {tag: shard for shard, tag in enumerate(tags)}

    def slot(self, shard: int) -> int:
        """The cluster slot of a shard."""
        return shard * SLOTS // self.shards

    def position(self, shard: int) -> bytes:
        """Key of the position."""
        return self._position[shard]

    def outbox(self, shard: int) -> bytes:
        """Key of the outbox."""
        return self._outbox[shard]

    def deadlines(self, shard: int) -> bytes:
        """Key of the sorted set of deadlines."""
        return self._deadlines[shard]

    def volumes(self, shard: int) -> bytes:
        """Key of the hash of events and money a day."""
        return self._volumes[shard]

    def barrier(self, shard: int) -> bytes:
        """Key that is written only to learn how far the replicas are."""
        return self._barrier[shard]

    def fragments(self, shard: int, rows: Sequence[tuple[Identity, Dataset]]) -> list[bytes]:
        """Keys of fragment rows."""
        return _with_datasets(self._fragment[shard], rows)

    def attributes(self, shard: int, rows: Sequence[tuple[Identity, Dataset]]) -> list[bytes]:
        """Keys of attributes."""
        return _with_datasets(self._attributes[shard], rows)

    def served(self, shard: int, identities: Sequence[Identity]) -> list[bytes]:
        """Keys of served rows."""
        prefix = self._served[shard]
        return [prefix + i for i in escape_identities(identities)]

    def edges(self, shard: int, identities: Sequence[Identity]) -> list[bytes]:
        """Keys of edges."""
        prefix = self._edges[shard]
        return [prefix + i for i in escape_identities(identities)]

    def interests(self, shard: int, identities: Sequence[Identity]) -> list[bytes]:
        """Keys of rows of interests."""
        prefix = self._interests[shard]
        return [prefix + i for i in escape_identities(identities)]

    def timelines(self, shard: int, rows: Sequence[tuple[Identity, Dataset]]) -> list[bytes]:
        """Keys of timelines."""
        return _with_datasets(self._timelines[shard], rows)

    def memberships(self, shard: int, identities: Sequence[Identity]) -> list[bytes]:
        """Keys of memberships."""
        prefix = self._memberships[shard]
        return [prefix + i for i in escape_identities(identities)]

    def members(self, shard: int, audience: str) -> bytes:
        """Key of the sorted set of an audience's members in this shard."""
        return self._members[shard] + escape(audience.encode())

    def swept(self, shard: int) -> bytes:
        """Key of the progress of the back-fill."""
        return self._swept[shard]

    def owner_of(self, key: bytes) -> tuple[int, Identity] | None:
        """Shard and identity of the key of a fragment, attributes or memberships.

        >>> keys = Keys(4)
        >>> keys.owner_of(keys.fragments(3, [(Identity(b"crm:a b"), Dataset("events"))])[0])
        (3, b'crm:a b')
        """
        tag, closed, rest = key[3:].partition(b"}:")
        shard = self._shard_of_tag.get(tag)
        parts = rest.split(b":")
        if shard is None or not closed or len(parts) < 2:
            return None
        return shard, Identity(b":".join(map(unquote_to_bytes, parts[:2])))

    def people_pattern(self, shard: int | None) -> bytes:
        """Of the keys that name the people of a shard, or of all shards."""
        return b"[fau]:*" if shard is None else b"[fau]:{%s}:*" % tag_of_slot(self.slot(shard))


def snapshot_key(model: str, version: str) -> bytes:
    """Key of an immutable snapshot."""
    return b"%s:%s" % (current_key(model), escape(version.encode()))


def version_in(key: bytes) -> str:
    """The version that the key of a snapshot ends with.

    >>> version_in(snapshot_key("churn", "00ff"))
    '00ff'
    """
    return key.rpartition(b":")[2].decode()


def current_key(model: str) -> bytes:
    """Key that holds the version which is current of a model."""
    return b"m:{%s}" % escape(model.encode())


def history_key(model: str) -> bytes:
    """Key of the list of a model's stored versions, newest first."""
    return b"h:{%s}" % escape(model.encode())


def kept_key(model: str) -> bytes:
    """Key of the list of a model's snapshots that are kept longer, newest first."""
    return b"k:{%s}" % escape(model.encode())


def registry_key(model: str) -> bytes:
    """Key of the hash with what is known of a model's snapshots."""
    return b"r:{%s}" % escape(model.encode())


def model_slot(model: str) -> int:
    """The cluster slot of a model's keys."""
    return slot_of(escape(model.encode()))


def _with_datasets(prefix: bytes, rows: Sequence[tuple[Identity, Dataset]]) -> list[bytes]:
    if not rows:
        return []
    identities, datasets = zip(*rows, strict=True)
    escaped = escape_identities(identities)
    ends = {dataset: b":" + escape(dataset.encode()) for dataset in set(datasets)}
    if len(ends) == 1:
        end = ends[datasets[0]]
        return [prefix + i + end for i in escaped]
    return [prefix + i + ends[d] for i, d in zip(escaped, datasets, strict=True)]
