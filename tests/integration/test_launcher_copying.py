"""Copying a topic into another: everything once, however often the copy is stopped and begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from launcher.copying import Copied, Copy
from launcher.errors import LauncherError
from launcher.origins import HEADER
from runtime_broker import Broker
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.consume import Record, TopicReader
from streams.settings import StreamSettings
from streams.topics import Topic


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFLUX_CACHE_DIR", str(tmp_path / "cache"))


class Topics:
    """A source with two partitions and a target with three, both of this test alone."""

    def __init__(self, broker: Broker) -> None:
        self.settings = StreamSettings(brokers=broker.bootstrap)
        self.source, self.target = Broker.unique("source"), Broker.unique("target")
        self.make(self.source, 2)
        self.make(self.target, 3)

    def make(self, name: str, partitions: int) -> None:
        """A topic."""
        topic = Topic(name, "", (), "delete", "", "")
        Admin(self.settings).create(partitions, [topic])

    def fill(self, start: int, end: int) -> None:
        """Records number `start` to `end` into the source."""
        producer = BulkProducer(self.settings)
        for number in range(start, end):
            producer.produce(self.source, f"k{number}".encode(), f"v{number}".encode())
        producer.flush()

    def content(self) -> list[Record]:
        """All records of the target."""
        with TopicReader(self.settings, [self.target]) as reader:
            return list(reader.to_end())

    def copy(self, folder: Path, whole: bool = True) -> Copy:
        """A copy that keeps its note in `folder`."""
        return Copy(self.settings, self.source, self.target, folder, whole)


@pytest.fixture
def topics(brokers: Broker) -> Topics:
    """On each kind of broker."""
    return Topics(brokers)


def _all(records: Sequence[Record]) -> Iterable[Copied]:
    return [Copied(r.key, r.value, r.headers) for r in records]


class _Stop(Exception):
    """The copy is killed here."""


def _values(records: Iterable[Record]) -> Counter[bytes]:
    return Counter(r.value or b"" for r in records)


def test_a_second_copy_adds_only_what_is_new(topics: Topics, tmp_path: Path) -> None:
    """Run twice, and once more after new records: the target has every record once."""
    topics.fill(0, 300)
    assert topics.copy(tmp_path).run(_all).copied == 300
    assert topics.copy(tmp_path).run(_all).copied == 0
    topics.fill(300, 350)
    assert topics.copy(tmp_path).run(_all).copied == 50
    assert _values(topics.content()) == Counter(f"v{n}".encode() for n in range(350))
    assert all(HEADER in dict(r.headers) for r in topics.content())


def test_a_lost_note_copies_nothing_twice(topics: Topics, tmp_path: Path) -> None:
    """The target itself says what is there, not the note."""
    topics.fill(0, 200)
    topics.copy(tmp_path / "one").run(_all)
    report = topics.copy(tmp_path / "two").run(_all)
    assert (report.copied, report.there) == (0, 200)
    assert len(topics.content()) == 200


def test_a_copy_that_is_killed_goes_on_where_it_was(topics: Topics, tmp_path: Path) -> None:
    """Stopped in the middle, with records sent that no note counts: each is there once."""
    topics.fill(0, 2000)
    calls = 0

    def choose(records: Sequence[Record]) -> Iterable[Copied]:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise _Stop
        return _all(records)

    with pytest.raises(_Stop):
        topics.copy(tmp_path).run(choose)
    some = len(topics.content())
    report = topics.copy(tmp_path).run(_all)
    assert _values(topics.content()) == Counter(f"v{n}".encode() for n in range(2000))
    assert report.copied + some == 2000


def test_choosing_leaves_records_out_and_may_take_them_later(
    topics: Topics, tmp_path: Path
) -> None:
    """A copy of some records (a replay of dead letters) keeps the others for another time."""
    topics.fill(0, 20)

    def even(records: Sequence[Record]) -> Iterable[Copied | None]:
        wanted = [int((r.value or b"")[1:]) % 2 == 0 for r in records]
        return [c if w else None for c, w in zip(_all(records), wanted, strict=True)]

    first = topics.copy(tmp_path, whole=False).run(even)
    assert (first.copied, first.left) == (10, 10)
    second = topics.copy(tmp_path, whole=False).run(_all)
    assert (second.copied, second.there) == (10, 10)
    assert _values(topics.content()) == Counter(f"v{n}".encode() for n in range(20))


def test_records_that_come_meanwhile_are_copied_next_time(
    topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is produced while the source is read is not passed over by the note."""
    topics.fill(0, 100)
    to_end = TopicReader.batches_to_end

    def slow(self: TopicReader) -> Iterator[list[Record]]:
        if topics.source in {topic for topic, _ in self.ends}:
            topics.fill(100, 300)
        return to_end(self)

    monkeypatch.setattr(TopicReader, "batches_to_end", slow)
    topics.copy(tmp_path).run(_all)
    monkeypatch.setattr(TopicReader, "batches_to_end", to_end)
    topics.copy(tmp_path).run(_all)
    assert _values(topics.content()) == Counter(f"v{n}".encode() for n in range(300))


def test_a_missing_topic_is_named(topics: Topics, tmp_path: Path) -> None:
    """A topic that does not exist is an error for a person."""
    copy = Copy(topics.settings, "nowhere", topics.target, tmp_path, whole=True)
    with pytest.raises(LauncherError, match="no topic nowhere"):
        copy.run(_all)
