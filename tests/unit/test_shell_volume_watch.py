"""Alarms of the volume forecasts are told while workers run: once a closed day, all that stand."""

from __future__ import annotations

from typing import Any

from prometheus_client import generate_latest

from afflux.columns import Kind
from enrich_rig import Logs
from profile_store.volumes import DailyVolumes
from streams.encoding import decode_model_update
from streams.metrics import Metrics
from streams.topics import MODEL_UPDATES
from streams.volume_watch import EVERY_S, VOLUMES, VolumeWatch

FIRST = 20_000
METRIC = 'afflux_volume_alarm{measure="events",segment="purchase"}'


class Shop:
    """Counts of a shop, a watch over them, and what it says."""

    def __init__(self) -> None:
        self.days: list[int] = [100 + at % 7 for at in range(40)]
        self.now, self.reads = 0.0, 0
        self.logs, self.metrics = Logs(1), Metrics()
        self.watch = VolumeWatch(
            self._read, self.logs, self.metrics, lambda: self.now, lambda: 1_700_000_000_000
        )

    async def _read(self) -> DailyVolumes:
        self.reads += 1
        sums = {(FIRST + at, int(Kind.PURCHASE)): (n, 0) for at, n in enumerate(self.days)}
        return DailyVolumes(sums, FIRST + len(self.days))

    async def look(self) -> None:
        """Some minutes later."""
        self.now += 2 * EVERY_S
        await self.watch.look_if_due()

    def told(self) -> list[dict[str, Any]]:
        """The records so far."""
        sent = self.logs.outputs[MODEL_UPDATES.name]
        assert {m.key for m in sent} <= {VOLUMES.encode()}
        return [decode_model_update(m.value or b"") for m in sent]

    def exposed(self) -> str:
        """What Prometheus reads of the purchases."""
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        return next((line.rpartition(" ")[2] for line in lines if line.startswith(METRIC)), "")


async def test_an_alarm_begins_and_ends() -> None:
    """A day far beyond its forecast: metric and record; a usual one later takes both back."""
    shop = Shop()
    await shop.look()
    assert (shop.told()[-1]["entries"], shop.exposed()) == ([], "0.0")
    shop.days.append(900)
    await shop.look()
    entries = shop.told()[-1]["entries"]
    assert shop.exposed() == "1.0"
    assert {"events of purchase", "events of all"} <= {
        e["text"].partition(" on ")[0] for e in entries
    }
    one = next(e for e in entries if e["text"].startswith("events of purchase"))
    assert (one["kind"], one["figures"]["value"]) == ("alarm", 900.0)
    assert one["figures"]["high"] < 900.0
    assert one["at"] == (FIRST + 40) * 86_400_000
    shop.days.append(100 + 41 % 7)
    await shop.look()
    assert (shop.told()[-1]["entries"], shop.exposed()) == ([], "0.0")
    assert [u["metrics"]["alarms"] > 0 for u in shop.told()] == [False, True, False]


async def test_a_day_is_told_once() -> None:
    """Looking is rare, and nothing is said before another day is closed."""
    shop = Shop()
    await shop.look()
    await shop.watch.look_if_due()
    assert shop.reads == 1
    await shop.look()
    assert (shop.reads, len(shop.told())) == (2, 1)
    shop.watch.released()
    assert shop.exposed() == ""
    await shop.look()
    assert len(shop.told()) == 2, "whoever takes over says it again"


async def test_too_few_days_are_no_alarm() -> None:
    """Before two weeks are closed nothing is said."""
    shop = Shop()
    shop.days = shop.days[:10]
    await shop.look()
    assert (shop.told(), shop.exposed()) == ([], "")
