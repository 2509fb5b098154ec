"""The identity graph: edges of an identity, the component around it, the id of a profile."""

from __future__ import annotations

import hashlib
import heapq
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from afflux.names import AffluxError, Identity, ProfileId

MAX_IDENTITIES = 50
"""Identities of one profile, at most."""

MAX_EDGES = 200
"""Edges kept of one identity: the newest."""

UNIQUE_NAMESPACES: frozenset[bytes] = frozenset({b"crm", b"crmid", b"customer", b"household"})
"""A profile has at most one identity of each of these, so a shared device joins no two people."""

MAX_OWNERS = 5
"""An identity with more live neighbours of one unique namespace is shared by too many people."""

MAX_NEIGHBOURS = 100
"""So it is with more of one other namespace."""

Why = Literal["unique", "shared", "cap"]
"""Why an identity does not belong to the profile of its neighbour."""

_EDGE = struct.Struct("<qBHH")  # timestamp, live, bytes of the other identity, of the event id
_COUNT = struct.Struct("<H")


class EdgesError(AffluxError):
    """Stored edges are damaged."""


class Edge(NamedTuple):
    """The last state of a link: who is at the other end, since when, by which event."""

    timestamp: int
    event_id: str
    live: bool
    """False after an unlink."""


class Edges:
    """All edges of one identity, by the other end. Immutable.

    >>> e = Edges().put(Identity(b"crm:1"), Edge(5, "a", True))
    >>> Edges.decode(e.encode()) == e, e.others()
    (True, [b'crm:1'])
    """

    __slots__ = ("_edges",)

    def __init__(self, edges: Mapping[Identity, Edge] | None = None) -> None:
        self._edges: dict[Identity, Edge] = dict(edges or {})

    def __len__(self) -> int:
        return len(self._edges)

    def __iter__(self) -> Iterator[tuple[Identity, Edge]]:
        return iter(sorted(self._edges.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edges) and self._edges == other._edges

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"Edges({dict(self)!r})"

    def get(self, other: Identity) -> Edge | None:
        """The edge to `other`, live or not."""
        return self._edges.get(other)

    @property
    def live(self) -> int:
        """How many edges are live: `links` of the fragment."""
        return sum(e.live for e in self._edges.values())

    def others(self) -> list[Identity]:
        """Other ends of the live edges, newest first."""
        live = [(e.timestamp, e.event_id, i) for i, e in self._edges.items() if e.live]
        return [i for _, _, i in sorted(live, reverse=True)]

    def put(self, other: Identity, edge: Edge) -> Edges:
        """With `edge` to `other` where it wins: the later (timestamp, event id), unlink on a tie.

        Returns self when it does not win. Beyond MAX_EDGES the oldest edge goes.
        """
        old = self._edges.get(other)
        if old is not None and _rank(edge) <= _rank(old):
            return self
        edges = {**self._edges, other: edge}
        if len(edges) > MAX_EDGES:
            del edges[min(edges, key=lambda i: (_rank(edges[i]), i))]
        return Edges(edges)

    def without(self, other: Identity, until: int) -> Edges:
        """Without the edge to `other`, where it is not later than `until`; self if there is none.

        >>> e = Edges().put(Identity(b"crm:1"), Edge(5, "a", True))
        >>> len(e.without(Identity(b"crm:1"), 4)), len(e.without(Identity(b"crm:1"), 5))
        (1, 0)
        """
        old = self._edges.get(other)
        if old is None or old.timestamp > until:
            return self
        return Edges({i: e for i, e in self._edges.items() if i != other})

    def encode(self) -> bytes:
        """Canonical bytes: equal edges have equal bytes; b"" when there is none."""
        if not self._edges:
            return b""
        parts = [_COUNT.pack(len(self._edges))]
        for other, edge in self:
            event_id = edge.event_id.encode()
            parts.append(_EDGE.pack(edge.timestamp, edge.live, len(other), len(event_id)))
            parts += (other, event_id)
        return b"".join(parts)

    @staticmethod
    def decode(data: bytes | None) -> Edges:
        """Edges from their stored bytes, none from None or b"". Raises EdgesError."""
        if not data:
            return Edges()
        edges: dict[Identity, Edge] = {}
        try:
            (count,) = _COUNT.unpack_from(data)
            at = _COUNT.size
            for _ in range(count):
                timestamp, live, n, m = _EDGE.unpack_from(data, at)
                at += _EDGE.size
                event_id = data[at + n : at + n + m].decode()
                edges[Identity(data[at : at + n])] = Edge(timestamp, event_id, bool(live))
                at += n + m
        except (struct.error, UnicodeDecodeError) as error:
            raise EdgesError(f"edges of {len(data)} bytes are damaged: {error}") from None
        if at != len(data):
            raise EdgesError(f"edges have {len(data)} bytes, their fields say {at}")
        return Edges(edges)


def _rank(edge: Edge) -> tuple[int, str, bool]:
    return edge.timestamp, edge.event_id, not edge.live


def namespace(identity: Identity) -> bytes:
    """The part before the colon.

    >>> namespace(Identity(b"crm:a:b"))
    b'crm'
    """
    return identity.partition(b":")[0]


def is_shared(edges: Edges | None, unique: Collection[bytes] = UNIQUE_NAMESPACES) -> bool:
    """Whether an identity links too many people to say who somebody is: "null", a shop's e-mail.

    So it is with more than MAX_OWNERS live neighbours of one unique namespace, or MAX_NEIGHBOURS of
    any other. A function of its edges alone.
    """
    if edges is None or len(edges) <= MAX_OWNERS:
        return False
    counts = Counter(namespace(other).lower() for other in edges.others())
    return any(n > (MAX_OWNERS if s in unique else MAX_NEIGHBOURS) for s, n in counts.items())


class Stitched(NamedTuple):
    """The identities of one profile, and which neighbours are not among them."""

    taken: list[Identity]
    """Who was started from first."""
    left_out: dict[Identity, Why]


def stitch(
    start: Identity,
    edges: Callable[[Identity], Edges | None],
    cap: int = MAX_IDENTITIES,
    unique: Collection[bytes] = UNIQUE_NAMESPACES,
) -> Stitched:
    """The profile of `start`: live edges are followed newest first.

    A deterministic function of the edges. Left out, with what lies behind it, is an identity of a
    unique namespace (compared in lower case) that the profile already has ("unique"), one that
    links too many people ("shared"), and what comes after the first `cap` ("cap").
    """
    taken: list[Identity] = []
    left_out: dict[Identity, Why] = {}
    seen: set[Identity] = {start}
    spaces: set[bytes] = set()
    queue: list[tuple[int, str, Identity]] = []

    def take(identity: Identity) -> None:
        taken.append(identity)
        spaces.add(namespace(identity).lower())
        for other, edge in edges(identity) or ():
            if edge.live and other not in seen:
                heapq.heappush(queue, (-edge.timestamp, edge.event_id, other))

    take(start)
    alone = is_shared(edges(start), unique)
    while queue:
        _, _, other = heapq.heappop(queue)
        if other in seen:
            continue
        space = namespace(other).lower()
        if alone or is_shared(edges(other), unique):
            left_out[other] = "shared"
        elif space in unique and space in spaces:
            left_out[other] = "unique"
        elif len(taken) >= cap:
            left_out[other] = "cap"
        else:
            seen.add(other)
            left_out.pop(other, None)
            take(other)
    return Stitched(taken, left_out)


def component(
    start: Identity,
    edges: Callable[[Identity], Edges | None],
    cap: int = MAX_IDENTITIES,
    unique: Collection[bytes] = UNIQUE_NAMESPACES,
) -> list[Identity]:
    """The identities of the profile of `start`, itself first: see `stitch`."""
    return stitch(start, edges, cap, unique).taken


def profile_id_of(identities: Iterable[Identity]) -> ProfileId:
    """The id of the profile with these identities: the same in any order, 32 hex digits.

    >>> profile_id_of([Identity(b"b:2"), Identity(b"a:1")]) == profile_id_of([Identity(b"a:1")])
    True
    """
    return ProfileId(hashlib.sha256(min(identities)).hexdigest()[:32])
