"""`afflux ingest` on brokers: every event once in the topic, however often it is begun again."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from evaluation_files import FLAT, csv, write
from launcher.data.generated import generated
from launcher.ingest import run as ingest_run
from launcher.ingest import sending
from launcher.ingest.run import AlreadySent, Options, Result, run
from launcher.settings import load
from runtime_broker import Broker
from streams.admin import Admin
from streams.consume import Record, TopicReader
from streams.numbered_producer import NumberedProducer
from streams.numbering import read_number
from streams.settings import StreamSettings
from streams.topics import Topic


class Site:
    """A topic of this test alone, with three partitions, and a data folder."""

    def __init__(self, broker: Broker, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AFFLUX_CACHE_DIR", str(folder / "cache"))
        monkeypatch.chdir(folder)
        self.topic = Topic(Broker.unique("events"), "", (), "delete", "", "")
        monkeypatch.setattr(ingest_run, "EXPERIENCE_EVENTS", self.topic)
        self.kafka = StreamSettings(brokers=broker.bootstrap)
        Admin(self.kafka).create(3, [self.topic])
        self.folder = folder
        self.settings = load(
            data_dir=folder / "data", partitions=3, kafka={"bootstrap": broker.bootstrap}
        )

    def ingest(self, path: Path, m: dict[str, Any] | None = None, **options: Any) -> Result:
        """The command, in this process."""
        mapping = self.folder / "mapping.yml"
        mapping.write_text(yaml.safe_dump({**(FLAT if m is None else m)}))
        console = Console(stderr=True, quiet=True)
        return run(Options(path, mapping, **options), self.settings, console)

    def content(self) -> list[Record]:
        """All records of the topic."""
        with TopicReader(self.kafka, [self.topic.name]) as reader:
            return list(reader.to_end())

    def assert_each_once(self, events: int) -> None:
        """All numbers of a source once, ascending in each partition."""
        by_source: dict[bytes, list[int]] = {}
        last: dict[tuple[bytes, int], int] = {}
        for record in self.content():
            found = read_number(record.headers)
            assert found is not None
            by_source.setdefault(found[0], []).append(found[2])
            assert found[2] > last.get((found[0], record.partition), -1)
            last[found[0], record.partition] = found[2]
        assert all(sorted(numbers) == list(range(len(numbers))) for numbers in by_source.values())
        assert sum(map(len, by_source.values())) == events


@pytest.fixture
def site(brokers: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """On each kind of broker."""
    return Site(brokers, tmp_path, monkeypatch)


def test_a_file_goes_in_once(site: Site) -> None:
    """The second time nothing is sent; the events are in order of time in each partition."""
    path = write(generated(2_000), site.folder / "e.parquet")
    first = site.ingest(path)
    assert (first.sent, first.events, first.unchanged) == (2_000, 2_000, 0)
    again = site.ingest(path)
    assert (again.sent, again.unchanged) == (0, 1)
    site.assert_each_once(2_000)
    renamed = shutil.copy(path, site.folder / "other.parquet")
    assert site.ingest(Path(renamed)).unchanged == 1


class _Killed(BaseException):
    """The process ends here."""


def test_an_interrupted_ingest_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed twice, after records that no note counts: at the end each is there once."""
    path = write(generated(3_000), site.folder / "e.csv")
    send = NumberedProducer.send
    for calls in (3, 2):
        counted = itertools.count(1)

        def some(
            self: Any, *args: Any, counted: Any = counted, calls: int = calls, **kwargs: Any
        ) -> None:
            if next(counted) > calls:
                raise _Killed
            send(self, *args, **kwargs)

        monkeypatch.setattr(NumberedProducer, "send", some)
        monkeypatch.setattr(sending, "_NOTE_EVERY", 400)
        with pytest.raises(_Killed):
            site.ingest(path, rate=3_000.0)
    before = len(site.content())
    assert 0 < before < 3_000
    monkeypatch.setattr(NumberedProducer, "send", send)
    result = site.ingest(path)
    assert (result.sent, result.there) == (3_000 - before, before)
    site.assert_each_once(3_000)


def test_a_lost_note_sends_the_same_numbers_again(site: Site) -> None:
    """What a shard needs to drop the second copy is in its headers: the same numbers."""
    path = write(generated(500), site.folder / "e.csv")
    site.ingest(path)
    shutil.rmtree(site.settings.data_dir)
    assert site.ingest(path).sent == 500
    numbers = Counter((r.partition, read_number(r.headers)) for r in site.content())
    assert set(numbers.values()) == {2}


def test_a_folder_grows(site: Site) -> None:
    """A file that comes later goes in alone."""
    folder = site.folder / "in"
    folder.mkdir()
    head = "event,who,kind,at,paid,units\n"
    csv(folder, head + "1,a,commerce.purchases,1700000000000,1,1\n", "1.csv")
    csv(folder, head + "2,a,commerce.purchases,1600000000000,1,1\n", "2.csv")
    assert site.ingest(folder).sent == 2
    csv(folder, head + "3,b,commerce.purchases,1650000000000,1,1\n", "3.csv")
    result = site.ingest(folder)
    assert (result.files, result.unchanged, result.sent) == (3, 2, 1)
    site.assert_each_once(3)


def test_another_mapping_of_the_same_file_is_asked_about(site: Site) -> None:
    """Its events would count twice: it needs --again."""
    path = write(generated(50), site.folder / "e.csv")
    site.ingest(path)
    other = {**FLAT, "quantity": None}
    other = {k: v for k, v in other.items() if v is not None}
    with pytest.raises(AlreadySent, match="another mapping"):
        site.ingest(path, other)
    assert site.ingest(path, other, again=True).sent == 50


def test_a_topic_made_anew_is_filled_anew(site: Site) -> None:
    """A note is of one topic, by its id: the events of another one are not there."""
    path = write(generated(50), site.folder / "e.csv")
    site.ingest(path)
    notes = list((site.settings.data_dir / "ingest").iterdir())
    notes[0].write_text(notes[0].read_text().replace("@", "@0"))
    assert site.ingest(path).sent == 50
