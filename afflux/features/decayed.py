"""Decayed sums of every channel, two half-lives, by forward decay.

A sum holds x * 2^(t / half-life - 64 * base) over its events; reading divides by the weight of
the time asked for. The exponent is an integer number of 1,024ths of a half-life, so a weight is
a table entry times a power of two. The base of a sum is the 64-block of its newest addend;
moving it is exact: what falls below the smallest normal number is absorbed by the addend that
moved the base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afflux.columns import F64, I64
from afflux.features.channels import CHANNELS, PHRASES
from afflux.features.contract import Cut, FieldList, Fields, ordered_sum
from afflux.features.powers import POWERS
from afflux.limits import DAY_MS
from afflux.segments import some

HALF_LIVES_DAYS = (7, 60)
HALF_LIVES: I64 = np.array([d * DAY_MS for d in HALF_LIVES_DAYS])

I16 = NDArray[np.int16]

_N = len(CHANNELS)
_SUMS = len(HALF_LIVES_DAYS) * _N
_FIRST = np.arange(len(HALF_LIVES_DAYS))[:, None] * _N
"""Where the sums of each half-life begin."""
_HALF_LIVES = HALF_LIVES[:, None]
_STEPS = 1024
_FRAC_BITS = 10
_BLOCK_BITS = 6
_MOST_UP = 800
"""Read long before its events a sum would overflow."""


def _span(days: int) -> str:
    return "days" if days < 30 else "months"


_RATES = np.array([CHANNELS.index(c) for c in ("purchases", "revenue")])
_IN_DAYS = np.array(HALF_LIVES_DAYS, np.float64)
_PER_TEN_THOUSAND = 10_000.0
"""So that a rate of one in months is still well above 0 under ln(1 + x)."""


class DecayedSums:
    """ln(1 + sum) of each half-life and channel, and of what the sums make a day, times 10,000.

    A sum over somebody who is known for a short time is small for that alone. The rate divides by
    the sum that one a day since the first event would make: 3 purchases in 3 days and 30 in 30
    are the same rate.
    """

    fields: FieldList = (
        ("decay", "<f8", (len(HALF_LIVES_DAYS), _N)),
        ("decay_base", "<i2", (len(HALF_LIVES_DAYS), _N)),
    )
    names: Sequence[str] = (
        *(f"{c}_{d}d" for d in HALF_LIVES_DAYS for c in CHANNELS),
        *(f"{CHANNELS[c]}_rate_{d}d" for d in HALF_LIVES_DAYS for c in _RATES),
    )
    phrases: Sequence[str] = (
        *(f"{p} in recent {_span(d)}" for d in HALF_LIVES_DAYS for p in PHRASES),
        *(f"{PHRASES[c]} per day in recent {_span(d)}" for d in HALF_LIVES_DAYS for c in _RATES),
    )

    def update(self, rows: Fields, cut: Cut) -> None:
        """Add the weighted addends in offset order."""
        a = cut.addends
        sums = rows["decay"].reshape(-1)
        base = rows["decay_base"].reshape(-1)
        cell = ((a.row * _SUMS + a.channel) + _FIRST).reshape(-1)
        exponent = (a.ts * _STEPS // _HALF_LIVES).reshape(-1)
        whole = exponent >> _FRAC_BITS
        block = (whole >> _BLOCK_BITS).astype(np.int16)
        newer = block > base[cell]
        if some(newer):
            moved = cell[newer]
            old = base[moved]
            np.maximum.at(base, moved, block[newer])
            _shift(sums, moved, old, base)
        weight = np.ldexp(
            POWERS[exponent & (_STEPS - 1)],
            (whole - (base[cell].astype(np.int64) << _BLOCK_BITS)).astype(np.int32),
        )
        np.add.at(sums, cell, np.concatenate([a.x, a.x]) * weight)

    def merge(self, merged: Fields, rows: Fields, owner: I64) -> None:
        """Sums on the larger base are added."""
        sums, base = rows["decay"].reshape(-1, _SUMS), rows["decay_base"].reshape(-1, _SUMS)
        top = np.zeros((len(merged["decay"]), _SUMS), np.int16)
        np.maximum.at(top, owner, base)
        down = (base.astype(np.int32) - top[owner]) << _BLOCK_BITS
        total = ordered_sum(np.ldexp(sums, down), owner, len(top))
        merged["decay"][:] = total.reshape(-1, len(HALF_LIVES_DAYS), _N)
        merged["decay_base"][:] = top.reshape(-1, len(HALF_LIVES_DAYS), _N)

    def values(self, rows: Fields, at: I64) -> F64:
        """ln(1 + decayed sum) at `at`, then of the rates."""
        sums = decayed(rows, at)
        out = np.empty((len(at), len(self.names)))
        np.log1p(sums.reshape(len(at), _SUMS), out=out[:, :_SUMS])
        rates = sums.take(_RATES, axis=2) / _steady(rows, at)[:, :, None]
        out[:, _SUMS:] = np.log1p(rates.reshape(len(at), -1) * _PER_TEN_THOUSAND)
        return out


def pace(rows: Fields, at: I64) -> F64:
    """Events a day in recent days relative to recent months; 1 where there were none."""
    rates = decayed(rows, at)[:, :, CHANNELS.index("events")] / _steady(rows, at)
    usual = rates[:, 1]
    return np.where(usual > 0, rates[:, 0] / np.where(usual > 0, usual, 1.0), 1.0)


def _steady(rows: Fields, at: I64) -> F64:
    """(rows, half-lives) sums that one a day since the first event would make."""
    known = np.maximum(at - rows["first_ts"], 0)[:, None] / DAY_MS
    steady: F64 = (1.0 - np.exp2((known + 1.0) / -_IN_DAYS)) * (_IN_DAYS / math.log(2.0))
    return steady


def decayed(rows: Fields, at: I64) -> F64:
    """(rows, half-lives, channels) decayed sums at `at`."""
    exponent = at[:, None] * _STEPS // HALF_LIVES
    base = rows["decay_base"].astype(np.int32) << _BLOCK_BITS
    down = np.minimum(base - (exponent >> _FRAC_BITS)[:, :, None].astype(np.int32), _MOST_UP)
    sums: F64 = np.ldexp(rows["decay"] / POWERS[exponent & (_STEPS - 1)][:, :, None], down)
    return sums


def _shift(sums: F64, moved: I64, old: I16, base: I16) -> None:
    """Bring each moved sum from its old base to the new one; repeats write the same again."""
    down = (old.astype(np.int32) - base[moved]) << _BLOCK_BITS
    sums[moved] = np.ldexp(sums[moved], down)
