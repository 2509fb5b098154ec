"""Why a record was rejected: one code a rule. The order is on disk (counters), so only append."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Index of a counter in the position of a shard, and `code` of a dead letter (its name)."""

    accepted = 0
    duplicates = 1
    control = 2
    # rejected
    unknown_frame = 3
    unknown_schema = 4
    truncated = 5
    trailing_bytes = 6
    invalid_avro = 7
    invalid_utf8 = 8
    too_large = 9
    missing_id = 10
    missing_identity = 11
    empty_string = 12
    not_finite_money = 13
    negative_money = 14
    timestamp_future = 15
    timestamp_horizon = 16
    too_many_identities = 17
    wrong_partition = 18
    control_unsigned = 19
    control_invalid = 20
    invalid_attributes = 21
    internal = 22
    deleted_identity = 23
    """An event of a deleted person from before the delete: counted, and not kept anywhere."""
    no_value = 24
    """A null value where an event is expected."""
    invalid_identity = 25
    """A namespace or the length of an identity breaks the rules of `afflux/validation.py`."""
    negative_quantity = 26
    out_of_range = 27
    """Money or a quantity that is finite but beyond what sums can hold exactly enough."""
    placeholder_identity = 28
    """An identifier such as "null", which would make one person of everybody who has it."""
    # facts that are neither accepted nor rejected
    set_aside = 29
    """A good record of a data set that is disabled: it stays in its topic, and is not folded."""
    late = 30
    """Accepted events whose event time is before the watermark (also counted as accepted)."""


COUNTERS = 32
"""Slots in a position; more codes than 32 need a new position format."""

REJECTED: tuple[Code, ...] = tuple(c for c in Code if Code.unknown_frame <= c < Code.set_aside)
