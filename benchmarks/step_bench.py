"""CPU time of `afflux.step.step` per event, by batch size, for distinct and Zipf keys.

python benchmarks/step_bench.py [--items]

With --items it also folds logs whose purchases have so many items: what interests cost.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from afflux.catalog import Catalog
from afflux.columns import EventColumns, Kind
from afflux.interests.rules import interested
from afflux.limits import DAY_MS
from afflux.mentions import MENTION, NO_MENTIONS, Mentions, Subject
from afflux.names import Identity
from afflux.outcome import Batch, Fetched
from afflux.position import Position, TopicPosition, Watermark
from afflux.scoring import Scorer
from afflux.shards import murmur2, shard_of
from afflux.step import StepSettings, step
from core_cases import CATALOG, linear_scorer

SHARDS = 64
START = 1_483_228_800_000
PEOPLE = 20_000
KINDS = np.array(
    [Kind.PAGE_VIEW, Kind.PRODUCT_VIEW, Kind.ADD_TO_CART, Kind.PURCHASE, Kind.EXPOSURE]
)


def log(keys: str, events: int, items: int = 0, seed: int = 1) -> EventColumns:
    """A log of many people; half of the events are purchases, 5 % come late.

    items: of each purchase; every one of them mentions a product and a category.
    """
    random = np.random.default_rng(seed)
    who = (
        np.arange(events) % PEOPLE
        if keys == "distinct"
        else np.minimum(random.zipf(1.2, events), PEOPLE) - 1
    )
    identities = [Identity(b"crm:%d" % i) for i in range(PEOPLE)]
    ts = START + (np.arange(events) * (90 * DAY_MS / events)).astype(np.int64)
    ts -= np.where(random.random(events) < 0.05, random.integers(0, DAY_MS, events), 0)
    kind = np.where(random.random(events) < 0.5, Kind.PURCHASE, random.choice(KINDS, events))
    money = np.where(kind == Kind.PURCHASE, random.integers(1, 9000, events) / 100, 0.0)
    none = np.empty(0, np.int32)
    return EventColumns(
        np.arange(events), ts, ts + 1000, who.astype(np.int32), identities, murmur2(identities),
        random.integers(1, 2**63, events).astype(np.uint64), [f"e{i}" for i in range(events)],
        kind.astype(np.uint8), money, np.where(money > 0, 2.0, 0.0), none, none, (),
        baskets(np.flatnonzero(kind == Kind.PURCHASE), items, random) if items else NO_MENTIONS,
    )  # fmt: skip


def baskets(bought: np.ndarray, items: int, random: np.random.Generator) -> Mentions:
    """Products and categories of these events, some of them much more often than others."""
    texts = [b"%07d" % i for i in range(5000)]
    tables = []
    for subject, most in ((Subject.PRODUCT, 5000), (Subject.CATEGORY, 100)):
        thing = (random.zipf(1.3, (len(bought), items)) + np.arange(items)) % most
        table = np.zeros(thing.size, MENTION)
        table["event"], table["subject"] = np.repeat(bought, items), subject
        table["hash"] = thing.reshape(-1) + 1
        table["text"]["id_at"] = 7 * thing.reshape(-1)
        table["text"]["id_size"] = 7
        table["text"]["name_at"] = 7 * (thing.reshape(-1) % 90)
        table["text"]["name_size"] = 14
        tables.append(table)
    return Mentions(np.concatenate(tables), np.frombuffer(b"".join(texts), np.uint8))


def batch_of(events: EventColumns, base: int, end: int) -> tuple[Batch, np.ndarray]:
    """The batch as a decoder would give it: its own identities only; and their numbers."""
    part = events.take(np.arange(base, end))
    people, first, place = np.unique(part.identity, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    people = people[order]
    columns = EventColumns(
        part.offset, part.timestamp, part.append_time, rank[place],
        [events.identities[p] for p in people.tolist()], events.identity_hash[people],
        part.id_hash, part.event_ids, part.kind, part.amount, part.quantity,
        part.link_event, part.link_identity, part.link_names, part.mentions,
    )  # fmt: skip
    return Batch(0, base, end, columns), people


def run(
    keys: str,
    size: int,
    events: int,
    items: int = 0,
    catalog: Catalog = CATALOG,
    scorer: Scorer | None = None,
) -> tuple[float, float, int, int, float]:
    """CPU us per event of the mean and the median step, rows a batch, examples closed, and bytes.

    The bytes are the mean of a row of interests.

    The first half of the log warms the rows up. The median is the figure to compare: other
    load on the machine raises the mean.
    """
    columns, settings = log(keys, events, items), StepSettings(SHARDS)
    scorer = scorer or linear_scorer(catalog)
    fragment, served = catalog.new_fragments(PEOPLE), catalog.new_served(PEOPLE)
    shard = shard_of(columns.identity_hash, SHARDS)
    positions = {s: Position(catalog.layout, (TopicPosition(b"t" * 16, 0),)) for s in range(SHARDS)}
    mark, spent, touched, closed = Watermark(), [], 0, 0
    interests: dict[int, bytes] = {}
    first = events // 2
    for base in range(0, events, size):
        batch, people = batch_of(columns, base, min(base + size, events))
        fetched = Fetched(
            batch.events.identities, shard[people], fragment[people], served[people],
            interests={r: interests.get(int(people[r])) for r in interested(batch.events)},
        )  # fmt: skip
        moving = {int(s): positions[int(s)] for s in np.unique(shard[people])}
        began = time.process_time_ns()
        out = step(batch, mark, fetched, moving, catalog, scorer, settings)
        if base >= first:
            spent.append((time.process_time_ns() - began) / len(batch.events) / 1000)
            touched += len(people)
            closed += len(out.closed)
        fragment[people], served[people] = out.fragment, out.served
        interests.update({int(people[r]): row for r, row in out.interests.items()})
        positions |= out.positions
        mark = out.positions[next(iter(moving))].topics[0].watermark
    kept = float(np.mean([len(row) for row in interests.values()])) if interests else 0.0
    return float(np.mean(spent)), float(np.median(spent)), touched // len(spent), closed, kept


def main() -> None:
    """Print the table."""
    print(f"{'keys':10}{'batch':>7}{'mean us':>10}{'median us':>11}{'rows/batch':>12}{'closed':>9}")
    for keys in ("distinct", "zipf"):
        for size, events in ((1, 4_000), (50, 60_000), (500, 200_000), (2000, 400_000)):
            mean, median, rows, closed, _ = run(keys, size, events)
            print(f"{keys:10}{size:7}{mean:10.2f}{median:11.2f}{rows:12}{closed:9}", flush=True)
    if "--items" not in sys.argv[1:]:
        return
    print(f"{'keys':10}{'batch':>7}{'items':>7}{'median us':>11}{'bytes/person':>14}")
    for keys in ("distinct", "zipf"):
        for size, events in ((1, 2_000), (50, 40_000), (500, 60_000)):
            for items in (0, 1, 10):
                _, median, _, _, kept = run(keys, size, events, items)
                print(f"{keys:10}{size:7}{items:7}{median:11.2f}{kept:14.0f}", flush=True)


if __name__ == "__main__":
    main()
