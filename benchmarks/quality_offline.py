"""How good the default models are on real data: step and learner in one process, no broker.

    python -m benchmarks.quality_offline [--data completejourney|cdnow] [--batch 500] [--every 1000]
                                         [--json]

The same code as in the workers: the step folds, opens, closes and scores with the snapshots of
the day; the learner tests on what was served, learns, and hands out snapshots every so many
examples. Figures are progressive: every example is judged by the score that was served when it
opened, before its label was learned.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.catalog import Catalog
from afflux.columns import KIND_OF_EVENT_TYPE, EventColumns, Kind
from afflux.examples import ExampleColumns
from afflux.limits import StepSettings
from afflux.names import Identity
from afflux.outcome import Batch, Fetched
from afflux.position import Position, TopicPosition, Watermark
from afflux.scoring import LinearScorer, untrained
from afflux.shards import murmur2
from afflux.step import step
from afflux.watermark import after
from launcher.data.choose import choose
from launcher.data.names import Name
from launcher.data.shape import DataSet
from models import default_models, discover
from models.learner import Learner, Schedule, slices
from models.snapshot import decode_scoring, encode

_SHARDS = 64


@dataclass
class People:
    """Rows of everybody, in memory."""

    identities: list[Identity]
    hashes: NDArray[np.uint32]
    fragment: NDArray[np.void]
    served: NDArray[np.void]
    deadline: NDArray[np.int64]


class OfflineRun:
    """One partition, folded in batches."""

    def __init__(self, data: DataSet, every: int) -> None:
        self.catalog = Catalog(default_models())
        self.settings = StepSettings(shards=_SHARDS)
        self.learner = Learner(discover(), self.catalog.features, Schedule(every, 1e18))
        self.learner.restore({}, b"", 0, 2**62)
        self.scorer = LinearScorer(
            [untrained(m.name, m.link, self.catalog.dimension) for m in self.catalog.models]
        )
        names, self.person = np.unique(data.events["person"].to_numpy(), return_inverse=True)
        identities = [Identity(f"{data.namespace}:{n}".encode()) for n in names]
        n = len(identities)
        self.people = People(
            identities, murmur2(identities), self.catalog.new_fragments(n),
            self.catalog.new_served(n), np.zeros(n, np.int64),
        )  # fmt: skip
        topic = TopicPosition(b"t" * 16, 0)
        self.positions = {s: Position(self.catalog.layout, (topic,)) for s in range(_SHARDS)}
        self.watermark = Watermark()
        self.examples = 0
        self._read(data)

    def run(self, size: int) -> None:
        """All events."""
        for base in range(0, len(self.ts), size):
            self.advance(base, min(base + size, len(self.ts)))

    def advance(self, base: int, end: int) -> None:
        """One batch: the step, then learn what it closed."""
        events, mine = self._columns(base, end)
        batch = Batch(0, base, end, events)
        passage = after(self.watermark, events, [], self.settings)
        due = np.flatnonzero(
            (self.people.deadline > 0) & (self.people.deadline < passage.end.value)
        )
        rows = np.concatenate([mine, due[~np.isin(due, mine)]])
        fetched = Fetched(
            [self.people.identities[i] for i in rows.tolist()],
            (self.people.hashes[rows] % np.uint32(_SHARDS)).astype(np.int32),
            self.people.fragment[rows],
            self.people.served[rows],
        )
        out = step(
            batch, self.watermark, fetched, self.positions, self.catalog, self.scorer, self.settings
        )
        self.people.fragment[rows] = out.fragment
        self.people.served[rows] = out.served
        moved = np.flatnonzero(out.deadline_moved)
        self.people.deadline[rows[moved]] = out.deadline[moved]
        self.positions |= out.positions
        self.watermark = passage.end
        self._learn(out.closed, fetched.identities)

    def _learn(self, closed: NDArray[np.void], identities: Any) -> None:
        examples = self._examples(closed, identities)
        for part in slices(examples, 64):
            self.learner.learn(part)
        self.examples += len(examples)
        self.learner.advance(self.examples)
        if self.learner.due(0.0):
            data = [encode(snapshot) for snapshot in self.learner.snapshots()]
            self.scorer = LinearScorer([decode_scoring(d, self.catalog.features) for d in data])
            self.learner.published(0.0)

    def _examples(self, closed: NDArray[np.void], identities: Any) -> ExampleColumns:
        names = [m.name for m in self.catalog.models]
        return ExampleColumns(
            identities=[identities[r] for r in closed["row"].tolist()],
            models=[names[m] for m in closed["model"].tolist()],
            **{
                name: np.ascontiguousarray(closed[name])
                for name in (
                    "shard", "deadline", "open_ts", "open_offset", "vector", "served", "version",
                    "label", "flags",
                )
            },
        )  # fmt: skip

    def _read(self, data: DataSet) -> None:
        events = data.events
        self.ts = events["timestamp"].to_numpy().astype(np.int64)
        kinds = [KIND_OF_EVENT_TYPE.get(t, Kind.OTHER) for t in events["type"].to_pylist()]
        self.kind = np.array(kinds, np.uint8)
        self.amount = np.nan_to_num(np.array(events["total"].to_pylist(), np.float64))
        items = events["items"].combine_chunks()
        units = items.flatten().field("quantity").to_numpy(zero_copy_only=False)
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(units.astype(np.float64)))])
        at = items.offsets.to_numpy() - items.offsets[0].as_py()
        self.quantity = total[at[1:]] - total[at[:-1]]

    def _columns(self, base: int, end: int) -> tuple[EventColumns, NDArray[np.int64]]:
        rows, first, place = np.unique(
            self.person[base:end], return_index=True, return_inverse=True
        )
        order = np.argsort(first, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        none = np.empty(0, np.int32)
        mine = rows[order]
        return EventColumns(
            offset=np.arange(base, end, dtype=np.int64),
            timestamp=self.ts[base:end],
            append_time=self.ts[base:end],
            identity=rank[place].astype(np.int32),
            identities=[self.people.identities[i] for i in mine.tolist()],
            identity_hash=self.people.hashes[mine],
            id_hash=np.arange(base + 1, end + 1, dtype=np.uint64),
            event_ids=[str(i) for i in range(base, end)],
            kind=self.kind[base:end],
            amount=self.amount[base:end],
            quantity=self.quantity[base:end],
            link_event=none,
            link_identity=none,
            link_names=[],
        ), mine


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=[n.value for n in Name], default="completejourney")
    parser.add_argument("--events", type=int, default=None)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--every", type=int, default=1_000, help="examples between snapshots")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data, instead = choose(Name(options.data), options.events)
    run = OfflineRun(data, options.every)
    began = perf_counter()
    run.run(options.batch)
    seconds = perf_counter() - began
    result = {
        "data": data.name,
        "events": len(run.ts),
        "people": len(run.people.identities),
        "seconds": round(seconds, 1),
        "models": {
            name: {"examples": m.examples, "trusted": m.snapshot(0).trusted, **m.metrics()}
            for name, m in run.learner.models.items()
        },
    }
    print(json.dumps(result) if options.json else "\n".join(_page(result, instead)))


def _page(result: dict[str, Any], instead: str) -> Iterator[str]:
    if instead:
        yield f"{instead}: generated data instead"
    yield (
        f"{result['data']}: {result['events']:,} events of {result['people']:,} people, "
        f"{result['seconds']} s\n"
    )
    yield "| model | figure | since the start | recent |"
    yield "|---|---|---|---|"
    for name, figures in result["models"].items():
        yield f"| {name} | examples | {figures['examples']:,} | {figures['window']:,.0f} |"
        for key in sorted(figures):
            recent = figures.get(f"recent_{key}")
            if recent is not None:
                yield f"| {name} | {key} | {figures[key]:.4g} | {recent:.4g} |"


if __name__ == "__main__":
    main()
