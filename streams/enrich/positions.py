"""Taking over a partition: positions that know their log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afflux.position import Position, PositionError, TopicPosition
from streams.ports import TP, LogRange, StopPartition


def decode_positions(
    shards: Sequence[int], stored: Sequence[bytes], layout: int, logs: Mapping[int, LogRange]
) -> dict[int, Position]:
    """Stored positions; a shard begins at the start of every log that it has not begun with.

    logs: by number of the topic. Raises StopPartition on a damaged position.
    """
    start = {number: TopicPosition(log.topic_id, log.start) for number, log in logs.items()}
    fresh = Position(layout, ())
    positions = {}
    for shard, data in zip(shards, stored, strict=True):
        try:
            positions[shard] = (Position.decode(data) if data else fresh).begun(start)
        except PositionError as error:
            raise StopPartition(
                f"shard {shard}: {error}. Restore the profile store from a backup, or run "
                f"`afflux doctor` to see which shards are affected."
            ) from None
    return positions


def check_log(
    tp: TP,
    log: LogRange,
    layout: int,
    positions: Mapping[int, Position],
    topic: int,
    check_end: bool,
) -> None:
    """Raises StopPartition where a position cannot belong to this log.

    check_end: False where `log` is older than the positions, so it may have grown since.
    """
    name, partition = tp
    for shard, position in positions.items():
        if position.layout != layout:
            raise StopPartition(
                f"shard {shard} has rows of layout {position.layout:016x}, this worker writes "
                f"{layout:016x}: run the version of Afflux that wrote them, or empty the "
                "profile store and replay the log."
            )
        at = position.topics[topic]
        if at.topic_id != log.topic_id:
            raise StopPartition(
                f"shard {shard} was folded from another topic named {name} "
                f"(id {at.topic_id.hex()}, the broker has {log.topic_id.hex()}). Point the worker "
                "to the broker that belongs to this profile store, or empty the store "
                "(`redis-cli FLUSHDB`) to fold this log from its start."
            )
        if check_end and at.offset > log.end:
            raise StopPartition(
                f"shard {shard} stands at offset {at.offset} of {name}[{partition}], whose log "
                f"ends at {log.end}: the broker has lost records or is another one. Restore the "
                "broker, or empty the profile store and replay."
            )
        if at.offset < log.start:
            raise StopPartition(
                f"shard {shard} stands at offset {at.offset} of {name}[{partition}], whose log "
                f"starts at {log.start}: records in between are gone (retention). Restore a newer "
                "backup of the profile store, or replay from an archive."
            )
