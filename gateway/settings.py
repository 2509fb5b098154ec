"""How the gateway behaves, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from afflux.validation import Rules


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Limits and times. Nothing here reads the environment."""

    max_body_bytes: int = 1_000_000
    """A larger body is 413, before it is read."""
    max_people: int = 200
    """People of one lookup."""
    max_events: int = 500
    """Events of one request."""
    requests_per_s: float = 1000.0
    """Of one key, on average."""
    burst: int = 2000
    """Requests of a key that may come at once."""
    produce_timeout_s: float = 10.0
    """How long Kafka may take to acknowledge, before the answer is 503."""
    heartbeat_s: float = 15.0
    """A silent stream gets a comment after so long, so that nobody between cuts it."""
    stream_s: float = 3600.0
    """A stream ends after so long; clients come back where they were."""
    queue_updates: int = 1000
    """Updates that wait for one subscriber; a slower one is cut off and comes back."""
    max_streams: int = 200
    """Subscribers at the same time."""
    remembered_profiles: int = 50_000
    """Profiles of which a stream knows the newest update, to drop older ones."""
    cached_profiles: int = 4096
    """Answers that are kept, by what is stored: never older than Redis. 0: none."""
    event_bytes: int = 1_000_000
    """Largest event, as Avro: what workers take."""
    rules: Rules = field(default_factory=Rules)
    """What workers ask of events."""
