"""The learn plane while behaviour changes: drift, challengers, commands, the registry.

What is served comes from the plane's own snapshots, as scorers would serve them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from afflux.catalog import Catalog
from afflux.names import Identity
from afflux.scoring import LinearScorer
from models import churn
from models.commands import Command
from models.figures import figures_of
from models.learner import Schedule
from models.snapshot import Snapshot, decode, decode_stored, encode, version_name, version_of
from models_drift import chances, with_challengers
from models_log import LOG, ExampleLog
from profile_store.memory import MemoryShardStore
from streams.encoding import decode_model_update, encode_training_examples
from streams.learner_metrics import LearnerMetrics
from streams.learning import LearnPlane
from streams.metrics import Metrics
from streams.model_commands import command_message
from streams.ports import StopPartition
from streams.scorers import SnapshotSource

MODEL = with_challengers(churn.MODEL, "fast_forget")
CATALOG = Catalog([MODEL.spec])
SECRET = b"secret"
NAME = MODEL.spec.name
MINUTE_MS, WINDOW = 60_000, 256


class World:
    """A log that grows, a plane that learns it, and scorers that serve its snapshots."""

    def __init__(self) -> None:
        self.store, self.log, self.metrics = MemoryShardStore(64), ExampleLog(), Metrics()
        self.headers: dict[int, Sequence[tuple[str, bytes]]] = {}
        self.keys: dict[int, bytes] = {}
        self.scorers = SnapshotSource(self.store, CATALOG)
        self.made = self.fed = 0
        self.plane = self.start()

    def start(self) -> LearnPlane:
        """A new process."""
        return LearnPlane(
            [MODEL], CATALOG, self.store, self.log, lambda: self.log.now, lambda: 1_700_000_000_000,
            Schedule(256, 5.0), metrics=LearnerMetrics(self.metrics), secret=SECRET,
        )  # fmt: skip

    async def live(self, n: int, changed: bool) -> None:
        """So many examples, served in blocks by the snapshot of the moment, then learned."""
        for _ in range(n // WINDOW):
            await self.scorers.refresh()
            self.log.values += self._examples(WINDOW, changed)
            self.log.now += 1.0
            await self.feed()

    def _examples(self, n: int, changed: bool) -> list[bytes]:
        random = np.random.default_rng(self.made)
        x = random.normal(0.0, 1.0, (n, CATALOG.dimension)).astype(np.float16)
        closed, i = np.zeros(n, CATALOG.closed), self.made + np.arange(n)
        closed["row"] = np.arange(n)
        closed["shard"] = i % 8
        closed["open_ts"] = i * MINUTE_MS
        closed["deadline"] = closed["open_ts"] + WINDOW * MINUTE_MS
        closed["vector"], closed["version"] = x, self.scorers.current.versions[0]
        closed["served"] = self.scorers.current.score(x).value[:, 0]
        closed["label"] = random.random(n) < chances(x, changed)
        self.made += n
        return encode_training_examples(CATALOG, closed, [Identity(b"t:%07d" % k) for k in i])

    def command(self, command: Command, secret: bytes = SECRET) -> None:
        """A command at the end of the log."""
        message = command_message(command, secret, 1_700_000_000_000)
        offset = len(self.log.values)
        self.log.values.append(message.value)
        self.headers[offset], self.keys[offset] = message.headers, message.key or b""

    async def feed(self, base: int | None = None) -> None:
        """What the log has and the plane has not."""
        base, end = self.fed if base is None else base, len(self.log.values)
        batch = self.log.batch(base, end)
        keys = [self.keys.get(o, b"churn") for o in range(base, end)]
        headers = [self.headers.get(o, ()) for o in range(base, end)]
        await self.plane.process(replace(batch, keys=keys, headers=headers))
        self.fed = end

    async def current(self) -> Snapshot:
        """What scorers would load."""
        (version,) = await self.store.current_snapshots([NAME])
        assert version is not None
        data = await self.store.snapshot(NAME, version)
        assert data is not None
        return decode_stored(data, version, CATALOG.features)

    def told(self, name: str, **labels: str) -> float | None:
        """A metric."""
        registry: CollectorRegistry = self.metrics.registry
        return registry.get_sample_value(f"afflux_{name}", labels)


@pytest.fixture
async def world() -> World:
    """One with a running plane."""
    made = World()
    await made.plane.assigned(made.log.ranges())
    return made


async def test_drift_is_found_and_the_challenger_promoted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It is recorded, logged, counted and announced; the one that forgets fast serves better."""
    caplog.set_level(logging.INFO, "afflux.learn")
    await world.live(8_192, changed=False)
    before = await world.current()
    assert before.champion == "default"
    assert before.drifts[0] == 0
    await world.live(8_192, changed=True)
    now = await world.current()
    drift = next(e for e in now.history if e.kind == "drift" and "risen" in e.text)
    assert 8_192 < drift.example < 9_000
    assert drift.figures["loss_after"] > drift.figures["loss_before"] + 0.1
    assert drift.at == (drift.example - 1 + WINDOW) * MINUTE_MS
    promotion = next(e for e in now.history if e.kind == "promotion")
    assert (promotion.by, now.champion) == ("rule", "fast_forget")
    evidence, figures = promotion.figures, figures_of(now)
    assert evidence["challenger_loss"] < 0.99 * evidence["champion_loss"]
    assert evidence["examples"] >= 1_024
    assert evidence["gain_at_least"] > 0
    assert figures.metrics["recent_log_loss"] < figures.metrics["recent_base_log_loss"]
    assert drift.text in caplog.text
    assert promotion.text in caplog.text
    assert world.told("model_drifts", model=NAME, direction="worse") == now.drifts[0] >= 1
    assert world.told("model_champion", model=NAME, recipe="fast_forget") == 1
    assert world.told("model_champion", model=NAME, recipe="default") == 0
    gap = world.told("challenger_figure", model=NAME, challenger="default", figure="gain")
    assert gap == now.standing["default"]["gain"]
    assert (world.told("recipe_cost_us", model=NAME, recipe="default") or 0) > 0
    auc = world.told("model_figure", model=NAME, segment="first_order", figure="recent_auc")
    assert auc == figures.segments["first_order"]["recent_auc"]
    update = decode_model_update(
        [m.value or b"" for m in world.log.sent if m.key == NAME.encode()][-1]
    )
    assert update["champion"] == "fast_forget"
    assert [c["name"] for c in update["challengers"]] == ["default"]
    assert {e["kind"] for e in update["entries"]} >= {"drift", "promotion"}
    assert update["segments"][0]["figures"] == figures.segments["first_order"]
    assert {(p["segment"], p["recent"]) for p in update["calibration"]} >= {
        ("all", False), ("all", True), ("first_order", True),
    }  # fmt: skip
    assert update["featureSet"] == f"{CATALOG.layout:016x}"


async def test_a_command_goes_back_within_one_batch_and_only_once(world: World) -> None:
    """Scorers serve the arrays of the older snapshot; a process that reads again does the same."""
    await world.live(1_024, changed=False)
    old = await world.current()
    target = version_of(encode(old))
    await world.live(1_024, changed=True)
    world.command(Command("a", "rollback", NAME, version=target, hold=True))
    await world.feed()
    await world.scorers.refresh()
    now, served = await world.current(), world.scorers.snapshots[0]
    assert now.offset == len(world.log.values) == served.offset
    assert served.version != target
    x = np.random.default_rng(1).normal(0, 1, (50, CATALOG.dimension)).astype(np.float16)
    was = LinearScorer([replace(served, weights=old.linear.weights)])
    assert np.array_equal(served.weights, old.linear.weights)
    assert np.array_equal(world.scorers.current.score(x).value, was.score(x).value)
    assert (now.held, world.told("model_held", model=NAME)) == (True, 1)
    (entry,) = [e for e in now.history if e.by == "command"]
    assert (entry.kind, entry.command) == ("rollback", "a")
    await world.live(512, changed=True)
    expected = await world.current()
    assert np.array_equal(expected.linear.weights, old.linear.weights)

    await world.store.put_snapshot(NAME, version_name(target), encode(old))
    world.plane = world.start()
    assert await world.plane.assigned(world.log.ranges()) == {LOG: old.offset}
    await world.feed(old.offset)
    await world.plane.close()
    again = await world.current()
    assert encode(again) == encode(replace(expected, offset=again.offset))


async def test_the_registry_tells_of_every_version(world: World) -> None:
    """Recent ones, and turning points for longer, each with where it is from."""
    for _ in range(3):
        await world.live(2_048, changed=False)
    stored = await world.store.snapshots(NAME)
    assert len(stored) >= 16
    about = {s.version: json.loads(s.about) for s in stored}
    (version,) = await world.store.current_snapshots([NAME])
    assert version is not None
    said = about[version]
    assert (said["offset"], said["examples"], said["champion"]) == (6_144, 6_144, "default")
    assert said["feature_set"] == f"{CATALOG.layout:016x}"
    assert said["topic_id"] == world.log.topic_id.hex()
    assert said["river"]
    assert said["time"] == (6_143 + WINDOW) * MINUTE_MS
    kept = sorted(about[s.version]["time"] // 86_400_000 for s in stored if s.kept)
    assert set(kept) == {0, 1, 2, 3, 4}


async def test_what_is_not_signed_is_no_command(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A forged record and one for a model that is not here are skipped, counted and told."""
    await world.live(512, changed=False)
    before = await world.current()
    world.command(Command("x", "rollback", NAME, version=1), secret=b"guessed")
    world.command(Command("y", "promote", replace(MODEL.spec, name="other").name, "linear"))  # type: ignore[arg-type]
    await world.feed()
    assert world.plane.stats.unreadable == 2
    assert "is not the signature of this command" in caplog.text
    assert "no model other" in caplog.text
    assert (await world.current()).history == before.history


async def test_a_tampered_snapshot_is_refused_everywhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A bit of its arrays was changed in the store: no rollback, no scorer, no learner takes it."""
    await world.live(1_024, changed=False)
    data = bytearray(encode(await world.current()))
    version = version_name(version_of(bytes(data)))
    weights = (await world.current()).linear.weights.tobytes()
    data[data.index(weights) + 6] ^= 1
    decode(bytes(data))
    key = next(k for k in world.store.data if k.endswith(version.encode()) and k[:1] == b"m")
    world.store.data[key] = bytes(data)
    fresh = SnapshotSource(world.store, CATALOG)
    await fresh.refresh()
    assert fresh.current.versions.tolist() == [0]  # only the clusters were adopted
    assert "its content is not what its name says" in caplog.text
    with pytest.raises(StopPartition, match="somebody has changed it"):
        await world.start().assigned(world.log.ranges())
    world.command(Command("a", "rollback", NAME, version=int(version, 16)))
    await world.feed()
    (entry,) = [e for e in (await world.current()).history if e.by == "command"]
    assert entry.kind == "refusal"
    assert "somebody has changed it" in entry.text


async def test_a_tampered_memory_is_refused_by_learners(world: World) -> None:
    """A bit of what only a learner needs was changed: it stops, and scorers are not concerned."""
    await world.live(1_024, changed=False)
    data = bytearray(encode(await world.current()))
    version = version_name(version_of(bytes(data)))
    data[-9] ^= 1
    key = next(k for k in world.store.data if k.endswith(version.encode()) and k[:1] == b"m")
    world.store.data[key] = bytes(data)
    with pytest.raises(StopPartition, match="somebody has changed it"):
        await world.start().assigned(world.log.ranges())
    fresh = SnapshotSource(world.store, CATALOG)
    await fresh.refresh()
    assert version_name(int(fresh.current.versions[0])) == version


async def test_commands_stand_between_their_examples() -> None:
    """One batch with examples before and after a command is as three batches."""

    async def run(cut: bool) -> bytes:
        made = World()
        await made.plane.assigned(made.log.ranges())
        await made.live(1_024, changed=False)
        made.log.values += made._examples(100, changed=False)
        if cut:
            await made.feed()
        made.command(Command("a", "promote", NAME, challenger="fast_forget"))
        if cut:
            await made.feed()
        made.log.values += made._examples(100, changed=False)
        await made.feed()
        await made.plane.close()
        return encode(await made.current())

    assert await run(cut=False) == await run(cut=True)
