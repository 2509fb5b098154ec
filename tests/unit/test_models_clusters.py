"""Audience clusters: ids that stay, a state that depends on the log alone, true figures."""

from __future__ import annotations

import numpy as np
import pytest

from afflux.catalog import Catalog
from afflux.clusters import Clustering
from afflux.columns import F64, I64
from afflux.examples import ExampleColumns
from afflux.limits import DAY_MS
from afflux.names import Identity, ModelName
from models import cluster_log, default_models
from models.cluster_log import ClusterLog
from models.clusters import FEATURES, TURN, ClusterLearner, ClusterSettings, silhouette
from models.contract import Vectors
from models.envelope import SnapshotError
from models.people_sample import HASHES, PeopleSample, adjusted_rand

NAMES = Catalog(default_models()).features
COLUMNS = [NAMES.index(name) for name in FEATURES]
GROUPS = np.array([[3.0, 1.0, 0.5, 0.0], [1.0, 4.0, 3.0, 0.0], [0.0, 2.5, 1.0, 5.0]])


def openings(
    n: int, seed: int, groups: F64 = GROUPS, noise: float = 0.15
) -> tuple[I64, Vectors, I64, I64]:
    """Hashes, vectors, times and groups of n openings of 600 people in clear groups."""
    random = np.random.default_rng(seed)
    person = random.integers(0, 600, n)
    group = person % len(groups)
    vectors = np.zeros((n, len(NAMES)), np.float16)
    vectors[:, COLUMNS] = groups[group] + random.normal(0, noise, (n, len(FEATURES)))
    hashes = person * 2_654_435_761 % HASHES
    return hashes, vectors, np.sort(random.integers(0, 30 * DAY_MS, n)), group


def learned(n: int = 4_000, clusters: int = 3) -> ClusterLearner:
    """A learner that has seen so many openings."""
    learner = ClusterLearner(NAMES, ClusterSettings(clusters=clusters))
    hashes, vectors, times, _ = openings(n, 1)
    learner.learn(hashes, vectors, times)
    return learner


def test_clear_groups_are_found_and_described() -> None:
    """Three groups are three clusters, each of its own people, with sizes and words."""
    learner = learned()
    clustering = learner.clustering
    assert clustering is not None
    _, vectors, _, group = openings(500, 2)
    found = clustering.assign(vectors, np.zeros(500, np.uint32))
    assert adjusted_rand(found.astype(np.int64), group) == 1.0
    assert learner.sizes() == pytest.approx([200, 200, 200], abs=3)
    assert any("54 spent per purchase" in words for words in learner.descriptions())
    metrics = learner.metrics()
    assert metrics["stability"] == metrics["mean_stability"] == 1.0
    assert metrics["silhouette"] > 0.8


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_the_state_depends_on_the_log_alone(size: int) -> None:
    """Any blocks, and going on from a stored state in the middle, give the same arrays."""
    hashes, vectors, times, _ = openings(1_500, 1)
    whole = ClusterLearner(NAMES)
    whole.learn(hashes, vectors, times)
    parts = ClusterLearner(NAMES)
    for at in range(0, 1_500, size):
        here = slice(at, at + size)
        parts.learn(hashes[here], vectors[here], times[here])
        if at <= 700 < at + size:
            state, parts = parts.state(), ClusterLearner(NAMES)
            parts.load(state)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(parts.state()[name], array, err_msg=name)


def test_ids_follow_their_people_and_are_never_used_again() -> None:
    """Groups that move keep their ids; where one is left, new ids come and the old ones do not."""
    learner = learned()
    before = learner.clustering
    assert before is not None
    moved = GROUPS + np.array([[0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0.5, 0]])
    hashes, vectors, times, _ = openings(8_000, 3, moved)
    learner.learn(hashes, vectors, times)
    after = learner.clustering
    assert after is not None
    assert after.ids.tolist() == before.ids.tolist()
    moved_centroids = np.abs(after.centroids[:, None] - moved).sum(axis=2).min(axis=1)
    assert (moved_centroids < 0.2).all()
    two = GROUPS[[0, 1, 0]]
    hashes, vectors, times, _ = openings(TURN * 150, 4, two, 0.0)
    learner.learn(hashes, vectors, times)
    last = learner.clustering
    assert last is not None
    new = set(last.ids.tolist()) - set(before.ids.tolist())
    assert len(last.ids) == 3
    assert len(new) >= 2
    assert min(new) > max(before.ids.tolist())


def test_people_stay_within_the_margin() -> None:
    """Somebody between two centroids keeps their cluster; a retired id goes to the nearest."""
    pair = Clustering(np.array([3, 5]), np.array([[0.0], [1.0]]), np.ones(1), np.array([0]))
    between = np.array([[0.49], [0.51], [0.51], [0.9]], np.float16)
    assert pair.assign(between, np.array([5, 3, 4, 3], np.uint32)).tolist() == [5, 3, 5, 5]


def test_the_sample_holds_people_not_events() -> None:
    """Its people do not depend on how often they act, and it knows how many there are."""
    random = np.random.default_rng(5)
    hashes = random.choice(HASHES, 20_000, replace=False)
    often = np.concatenate([np.repeat(hashes[:100], 500), hashes])
    values = (np.arange(len(often)) % 1_000).astype(np.float16)[:, None]
    sample = PeopleSample(1_024, 1)
    for at in range(0, len(often), 333):
        sample.add(often[at : at + 333], values[at : at + 333])
    assert sample.hashes.tolist() == np.sort(hashes)[:1_024].tolist()
    assert sample.people == pytest.approx(20_000, rel=0.1)
    last = dict(zip(often.tolist(), values[:, 0].tolist(), strict=True))
    assert sample.vectors[:, 0].tolist() == [last[h] for h in sample.hashes.tolist()]


def test_whoever_is_forgotten_makes_room_for_those_below_the_limit_only() -> None:
    """What is left is a fair sample of who is left, so the number of people stays right."""
    random = np.random.default_rng(7)
    hashes = random.choice(HASHES, 20_000, replace=False)
    vectors = np.zeros((len(hashes), 1), np.float16)
    sample = PeopleSample(1_024, 1)
    sample.add(hashes, vectors)
    limit = sample.limit
    gone, left = hashes[:10_000], hashes[10_000:]
    inside = int((gone < limit).sum())
    assert sample.drop(gone) == inside
    assert sample.drop(gone) == 0
    assert sample.people == pytest.approx(10_000, rel=0.1)
    sample.add(left, vectors[10_000:])
    assert sample.limit == limit
    assert sample.hashes.tolist() == np.sort(left[left < limit]).tolist()
    other = PeopleSample(1_024, 1)
    other.load(sample.state())
    assert (other.limit, other.people) == (limit, sample.people)
    sample.add(gone, vectors[:10_000])
    assert sample.hashes.tolist() == np.sort(hashes)[:1_024].tolist()


def test_figures_are_those_of_scikit_learn() -> None:
    """Adjusted Rand index and silhouette of random partitions and points."""
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(6)
    for k in (1, 2, 5):
        a, b = random.integers(0, k, 200), random.integers(0, 3, 200)
        assert adjusted_rand(a, b) == pytest.approx(metrics.adjusted_rand_score(a, b))
    points, labels = random.normal(size=(150, 3)), random.integers(0, 4, 150)
    labels[0] = 9  # alone in its cluster
    assert silhouette(points, labels) == pytest.approx(metrics.silhouette_score(points, labels))


def examples(n: int, model: str, seed: int) -> ExampleColumns:
    """Examples of one shard in order."""
    hashes, vectors, times, _ = openings(n, seed)
    return ExampleColumns(
        shard=np.zeros(n, np.int32),
        deadline=np.arange(n, dtype=np.int64),
        identities=[Identity(b"crm:%d" % h) for h in hashes.tolist()],
        models=[ModelName(model)] * n,
        open_ts=times,
        open_offset=np.arange(n, dtype=np.int64),
        vector=vectors,
        served=np.zeros(n, np.float32),
        version=np.zeros(n, np.uint64),
        label=np.zeros(n),
        flags=np.zeros(n, np.uint8),
    )


def test_each_opening_counts_once_and_a_snapshot_goes_on() -> None:
    """Examples of other models and repeats change nothing; bytes are equal after a restart."""
    models = default_models()
    once, again = ClusterLog(models, NAMES), ClusterLog(models, NAMES)
    source = cluster_log.source_of(models)
    once.learn(examples(900, source, 1))
    again.learn(examples(900, "churn", 7))
    again.learn(examples(900, source, 1))
    middle = cluster_log.encode(again.snapshot(40, b"t" * 16))
    again = ClusterLog(models, NAMES)
    known = cluster_log.decode(middle, NAMES)
    assert again.restore(known, b"t" * 16, 10, 50) == 40
    assert again.restore(known, b"u" * 16, 10, 50) == 10
    again.learn(examples(900, source, 1))
    assert cluster_log.encode(again.snapshot(40, b"t" * 16)) == cluster_log.encode(
        once.snapshot(40, b"t" * 16)
    )


def test_a_snapshot_of_something_else_is_refused() -> None:
    """Other features, another model's name, cut bytes: an error, never wrong clusters."""
    log = ClusterLog(default_models(), NAMES)
    log.learn(examples(900, cluster_log.source_of(default_models()), 1))
    data = cluster_log.encode(log.snapshot(0, b""))
    with pytest.raises(SnapshotError, match="other features"):
        cluster_log.decode(data, NAMES[1:])
    with pytest.raises(SnapshotError):
        cluster_log.decode(data[:-8], NAMES)
    with pytest.raises(SnapshotError):
        cluster_log.decode(data.replace(b'"scale"', b'"scalf"'), NAMES)
