"""Changed memberships as values of `audience-updates`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afflux.identity import profile_id_of
from afflux.names import Identity
from streams.message_writer import writer


@dataclass(frozen=True, slots=True)
class Announced:
    """What subscribers are told of one identity."""

    identity: Identity
    members: Sequence[Identity]
    """All identities of the profile, this one included."""
    event_id: str
    """"" where a timer or a back-fill looked."""
    event_time: int
    memberships: Mapping[str, int]
    """Audience -> event time of the entry, ms."""
    realized: Sequence[str] = ()
    exited: Sequence[str] = ()


def encode_audience_updates(updates: Sequence[Announced], offset: int, version: int) -> list[bytes]:
    """One `AudienceUpdate` each. offset, version: the position that they are committed with."""
    return writer("AudienceUpdate").write_few(
        [
            {
                "profileId": profile_id_of(u.members),
                "identity": u.identity.decode(),
                "identities": [i.decode() for i in u.members],
                "positionOffset": offset,
                "positionVersion": version,
                "eventId": u.event_id,
                "eventTime": u.event_time,
                "memberships": [
                    {"audience": name, "since": since} for name, since in u.memberships.items()
                ],
                "realized": list(u.realized),
                "exited": list(u.exited),
            }
            for u in updates
        ]
    )
