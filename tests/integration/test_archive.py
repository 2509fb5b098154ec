"""A topic into an archive and back, on brokers: each record once, however often it is stopped."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from launcher.archive import writing
from launcher.archive.layout import Archive
from launcher.archive.replaying import Replayer
from launcher.archive.writing import Writer
from launcher.data.avro import encode
from launcher.data.generated import generated
from launcher.errors import LauncherError
from runtime_broker import Broker
from streams.admin import Admin
from streams.bulk import BulkProducer
from streams.consume import Record, TopicReader
from streams.contract_columns import ContractReader
from streams.numbered_producer import NumberedProducer
from streams.settings import StreamSettings
from streams.topics import Topic

DATA = generated(1_200)
VALUES = encode(DATA)
KEYS = [f"{DATA.namespace}:{who}".encode() for who in DATA.events["person"].to_pylist()]


class Site:
    """A topic to archive, one to replay into, and a folder."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.settings, self.folder = StreamSettings(brokers=broker.bootstrap), folder
        self.source, self.target = Broker.unique("source"), Broker.unique("target")
        self.admin = Admin(self.settings)
        self.admin.create(
            3, [Topic(n, "", (), "delete", "", "") for n in (self.source, self.target)]
        )
        self.reader = ContractReader("ExperienceEvent")

    def fill(self, start: int, end: int) -> None:
        """Events, each third one with something odd before it."""
        producer = BulkProducer(self.settings)
        for n in range(start, end):
            if n % 300 == 0:
                producer.produce(self.source, b"crm:x", b"nobody can read this")
                producer.produce(self.source, None, None, partition=1)
            producer.produce(self.source, KEYS[n], VALUES[n])
        producer.flush()

    def write(self) -> Writer:
        """`afflux archive write`."""
        writer = Writer(self.settings, Archive(self.folder, self.source), self.reader)
        writer.run(self.admin.describe([self.source])[self.source].topic_id.hex(), lambda *_: None)
        return writer

    def archived(self) -> Counter[tuple[int, int]]:
        """(partition, offset) of every row that a reader of the folder sees."""
        found: Counter[tuple[int, int]] = Counter()
        for path in self.folder.rglob("*.parquet"):
            table = pq.ParquetFile(path).read(["_partition", "_offset"])
            found.update(zip(*(c.to_pylist() for c in table.columns), strict=True))
        return found

    def replay(self, topic: str | None = None, **days: str) -> Replayer:
        """`afflux archive replay`."""
        archive = Archive(self.folder, self.source)
        replayer = Replayer(
            self.settings, archive, self.reader, days.get("first"), days.get("last")
        )
        replayer.run(topic or self.target, 3, 30.0, lambda *_: None)
        return replayer

    def content(self, topic: str) -> list[list[tuple[bytes | None, bytes | None]]]:
        """(key, value) of all records, a list for each partition."""
        parts: list[list[tuple[bytes | None, bytes | None]]] = [[], [], []]
        with TopicReader(self.settings, [topic]) as reader:
            records: list[Record] = list(reader.to_end())
        for record in sorted(records, key=lambda r: r.offset):
            parts[record.partition].append((record.key, record.value))
        return parts


@pytest.fixture
def site(brokers: Broker, tmp_path: Path) -> Site:
    """On each kind of broker."""
    return Site(brokers, tmp_path)


def test_what_is_archived_comes_back_as_it_was(site: Site) -> None:
    """Written in two goes, merged, replayed twice: the new topic is the old one, byte by byte."""
    site.fill(0, 700)
    assert site.write().added == 700 + 6
    site.fill(700, 1_200)
    writer = site.write()
    assert writer.added == 500 + 2
    assert site.write().added == 0
    before = len(list(site.folder.rglob("*.parquet")))
    assert writer.compact() > 0
    assert len(list(site.folder.rglob("*.parquet"))) < before
    assert set(site.archived().values()) == {1}
    assert site.archived().total() == 1_200 + 8
    assert site.replay().sent == 1_200 + 8
    assert site.content(site.target) == site.content(site.source)
    again = site.replay()
    assert (again.sent, again.there) == (0, 1_200 + 8)


def test_a_stopped_run_is_gone_on_with(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped between two commits: each offset is in the files once."""
    site.fill(0, 1_000)
    monkeypatch.setattr(writing, "_AT_ONCE", 100)
    monkeypatch.setattr(writing, "ROWS", 200)
    change, calls = Archive.change, 0

    def some(self: Archive, *args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise KeyboardInterrupt
        change(self, *args)

    monkeypatch.setattr(Archive, "change", some)
    with pytest.raises(KeyboardInterrupt):
        site.write()
    monkeypatch.setattr(Archive, "change", change)
    site.write()
    assert set(site.archived().values()) == {1}
    assert site.archived().total() == 1_000 + 8


def test_records_that_come_meanwhile_wait_for_the_next_run(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is produced while the topic is read is neither archived twice nor passed over."""
    site.fill(0, 200)
    to_end = TopicReader.batches_to_end

    def slow(self: TopicReader) -> Any:
        site.fill(200, 400)
        return to_end(self)

    monkeypatch.setattr(TopicReader, "batches_to_end", slow)
    site.write()
    monkeypatch.setattr(TopicReader, "batches_to_end", to_end)
    site.write()
    assert set(site.archived().values()) == {1}
    assert site.archived().total() == 400 + 4


def test_a_stopped_replay_is_gone_on_with(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reached the topic is found there and not sent again."""
    site.fill(0, 600)
    site.write()
    send = NumberedProducer.send

    def half(self: Any, keys: Any, values: Any, numbers: Any, places: Any) -> None:
        n = len(keys) // 2
        send(self, keys[:n], values[:n], list(numbers)[:n], places[:n])
        raise KeyboardInterrupt

    monkeypatch.setattr(NumberedProducer, "send", half)
    with pytest.raises(KeyboardInterrupt):
        site.replay()
    monkeypatch.setattr(NumberedProducer, "send", send)
    result = site.replay()
    assert result.sent + result.there == 600 + 4
    assert result.there == 302
    assert site.content(site.target) == site.content(site.source)


def test_days_and_mistakes(site: Site) -> None:
    """Only some days; days without records; the topic itself; a topic that is not there."""
    site.fill(0, 400)
    site.write()
    day = sorted(p.name for p in (site.folder / site.source).glob("day=*"))[3][4:]
    table = pq.ParquetFile(next((site.folder / site.source / f"day={day}").glob("*.parquet")))
    assert site.replay(first=day, last=day).sent == table.metadata.num_rows
    with pytest.raises(LauncherError, match="no records of these days"):
        site.replay(first="1980-01-01", last="1980-01-02")
    with pytest.raises(LauncherError, match="very topic"):
        site.replay(site.source)
    with pytest.raises(LauncherError, match="no topic"):
        site.replay(Broker.unique("nowhere"))
