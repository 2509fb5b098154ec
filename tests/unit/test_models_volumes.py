"""Forecasts of daily volumes: as declared, as good as claimed, the same after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.columns import F64, Kind
from afflux.position import NONE_MS, Position, TopicPosition, Watermark
from afflux.volumes import NEW_PEOPLE, UNITS
from benchmarks.forecast.holt_winters import fit
from models.volume_series import described, outlook
from models.volumes import VolumeForecaster
from profile_store.volumes import open_day

WEEKLY = np.array([100.0, 120.0, 110.0, 90.0, 130.0, 200.0, 60.0])
DAY = 86_400_000


def shop(days: int, seed: int = 1, level: float = 1.0) -> F64:
    """(2, days): Poisson events with a week and a slow wave, and the same without noise."""
    at = np.arange(days)
    mean = level * WEEKLY[at % 7] * (1.0 + 0.3 * np.sin(at / 40.0))
    return np.array([np.random.default_rng(seed).poisson(mean), mean])


def run(values: F64, forecaster: VolumeForecaster | None = None) -> VolumeForecaster:
    """Closed day by day."""
    forecaster = forecaster or VolumeForecaster(len(values))
    for day in range(values.shape[1]):
        forecaster.close(values[:, day])
    return forecaster


def test_forecasts_beat_the_week_before() -> None:
    """One and seven days ahead, of noisy counts; a smooth series is forecast within 5 %."""
    values = shop(300)
    forecaster, errors, naive = VolumeForecaster(2), [], []
    ahead = np.full((310, 2), np.nan)
    for day in range(300):
        forecaster.close(values[:, day])
        ahead[day + 7] = forecaster.forecast().expected[:, 6]
        if day >= 60:
            errors.append(np.abs(values[:, day] - ahead[day]) / values[1, day])
            naive.append(np.abs(values[:, day] - values[:, day - 7]) / values[1, day])
    assert np.mean(errors, axis=0)[0] < 0.9 * np.mean(naive, axis=0)[0]
    assert np.mean(errors, axis=0)[1] < 0.05


def test_intervals_hold_what_they_say() -> None:
    """Nine days in ten, also after the noise has become four times as large."""
    quiet, loud = shop(400, 2, 4.0), shop(400, 3, 4.0)
    loud[0] = np.maximum(loud[1] + 4.0 * (loud[0] - loud[1]), 0.0)
    forecaster, held = VolumeForecaster(2), []
    for values in np.concatenate([quiet, loud], axis=1).T:
        closed = forecaster.close(values)
        held.append(closed.low[0] <= values[0] <= closed.high[0])
    assert np.mean(held[60:400]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held[430:]) == pytest.approx(0.9, abs=0.03)


def test_an_alarm_begins_once_and_ends() -> None:
    """Three days without events are one alarm; the level is as it was afterwards."""
    values = shop(120)
    forecaster = run(values)
    before = forecaster.forecast().expected[0]
    began, ended = [], []
    for day in range(10):
        closed = forecaster.close(np.zeros(2) if day < 3 else values[:, 113 + day - 7 + 1])
        began.append(bool(closed.began[0]))
        ended.append(bool(closed.ended[0]))
    assert began == [True, *[False] * 9]
    assert sum(ended) == 1
    assert not forecaster.alarm[0]
    after = forecaster.forecast().expected[0]
    assert after.mean() == pytest.approx(before.mean(), rel=0.4)


def test_it_goes_on_from_its_state() -> None:
    """A stored state in the middle changes no bit of what follows."""
    values = shop(100)
    whole, half = run(values), run(values[:, :45])
    other = VolumeForecaster(2)
    other.load(half.state())
    run(values[:, 45:], other)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(other.state()[name], array, err_msg=name)


def test_series_do_not_touch_each_other() -> None:
    """A series is forecast the same alone and beside others."""
    values = shop(80)
    alone, beside = run(values[:1]).forecast(), run(values).forecast()
    np.testing.assert_allclose(alone.expected[0], beside.expected[0], rtol=1e-12)


def test_the_holt_winters_of_the_benchmark() -> None:
    """A line with a week is continued exactly; updates are what a longer history gives."""
    at = np.arange(84)
    line = 50.0 + 0.5 * at + np.tile([0.0, 5.0, -5.0, 3.0, -3.0, 8.0, -8.0], 12)
    model = fit(line[:70])
    assert [model.ahead(h) for h in (1, 7, 14)] == pytest.approx(line[[70, 76, 83]], rel=0.05)
    noisy = shop(120)[0]
    model = fit(noisy[:70])
    for value in noisy[70:75]:
        model = model.updated(float(value))
    assert model.days == 75
    longer = fit(noisy[:75])
    if longer.parameters == model.parameters:
        assert model.ahead(3) == pytest.approx(longer.ahead(3))


def counts(values: F64, first: int = 17_000) -> dict[tuple[int, int], tuple[int, int]]:
    """Purchases of 20 each, a tenth of them of new people."""
    sums = {}
    for at, n in enumerate(values.astype(int).tolist()):
        sums[(first + at, int(Kind.PURCHASE))] = (n, 20 * UNITS * n)
        sums[(first + at, NEW_PEOPLE)] = (n // 10, 20 * UNITS * (n // 10))
    return sums


def test_segments_of_counted_days() -> None:
    """Everything, kinds, new and returning people add up; open days are left out."""
    values = shop(60)[0]
    found = described(outlook(counts(values), 17_000 + 50))
    assert found["days"] == 50
    assert found["closed_until"] == str(np.datetime64(17_049, "D"))
    last = {(f["segment"], f["measure"]): f["last"]["value"] for f in found["forecasts"]}
    assert last[("all", "events")] == values[49] == last[("purchase", "events")]
    assert last[("all", "revenue")] == 20 * values[49]
    assert last[("new people", "events")] + last[("returning people", "events")] == values[49]
    one = found["forecasts"][0]
    assert one["ahead"][0]["date"] == str(np.datetime64(17_050, "D"))
    assert one["ahead"][0]["low"] < one["ahead"][0]["expected"] < one["ahead"][0]["high"]
    only = described(outlook(counts(values), 17_050), "purchase")["forecasts"]
    assert [f["segment"] for f in only] == ["purchase"]
    assert outlook(counts(values[:13]), 17_013) is None
    assert outlook({}, None) is None


def position(w: int) -> bytes:
    """Of a shard whose partition has come so far."""
    return Position(1, (TopicPosition(b"t" * 16, 5, Watermark(w)),)).encode()


def test_a_day_is_open_until_every_partition_has_passed_it() -> None:
    """The slowest partition counts; those without events do not; shards share their partition's."""
    far, near, none = position(100 * DAY), position(90 * DAY + 5), position(NONE_MS)
    assert open_day([far, near, far, none], 2, DAY) == 89
    assert open_day([far, None, far, none], 2, DAY) == 99
    assert open_day([far, near, far, position(95 * DAY)], 2, DAY) == 94
    assert open_day([None, b""], 2, DAY) is None
