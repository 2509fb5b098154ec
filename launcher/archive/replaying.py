"""From an archive back into a topic: each record once, in the order of its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from pathlib import Path

import numpy as np
import xxhash

from afflux.names import Identity
from afflux.shards import murmur2, partition_of
from launcher.archive.layout import Archive, ArchiveError
from launcher.data.archive_rows import StoredRecords
from launcher.errors import LauncherError
from streams.admin import Admin
from streams.consume import TopicReader
from streams.contract_columns import ContractReader
from streams.numbered_producer import NumberedProducer
from streams.numbering import read_number
from streams.settings import StreamSettings

_LAST_WORDS_S = 5.0


class Replayer:
    """Sends the records of an archive. first, last: days of event time, both included."""

    def __init__(
        self,
        settings: StreamSettings,
        archive: Archive,
        reader: ContractReader,
        first: str | None,
        last: str | None,
    ) -> None:
        if archive.manifest is None:
            raise ArchiveError(
                f"{archive.folder} is no archive", hint="`afflux archive write` makes one"
            )
        self._settings, self._archive, self._reader = settings, archive, reader
        self._manifest = archive.manifest
        self._first, self._last = first or "", last or "9999-12-31"
        self._admin = Admin(settings)
        self.sent = 0
        self.there = 0
        """Records that were in the topic already."""

    def run(
        self, topic: str, partitions: int, timeout_s: float, tell: Callable[[int, int], None]
    ) -> None:
        """Send all. Raises LauncherError, BrokerUnavailable."""
        logs = self._admin.describe([topic])
        if topic not in logs:
            raise LauncherError(
                f"there is no topic {topic}", hint="`afflux topics create` makes it"
            )
        if logs[topic].topic_id.hex() == self._manifest.topic_id:
            raise LauncherError(
                f"{topic} is the very topic that {self._archive.folder} was made of: its records "
                "would be there twice",
                hint="replay into a new topic or cluster, or name another one with --topic",
            )
        files = self._files()
        source = self._source()
        there = self._what_is_there(topic, source)
        with StoredRecords(self._reader) as stored:
            for path in files:
                stored.add(path)
            producer = NumberedProducer(self._settings, topic)
            try:
                for keys, values, origins, offsets in stored.windows():
                    homes = _homes(keys, origins, partitions)
                    chosen = [
                        i for i, (home, origin, offset)
                        in enumerate(zip(homes, origins, offsets, strict=True))
                        if offset > there.get((home, origin), -1)
                    ]  # fmt: skip
                    self.there += len(keys) - len(chosen)
                    producer.send(
                        [keys[i] for i in chosen], [values[i] for i in chosen],
                        zip(repeat(source), [origins[i] for i in chosen],
                            [offsets[i] for i in chosen], strict=False),
                        [homes[i] for i in chosen],
                    )  # fmt: skip
                    self.sent += len(chosen)
                    tell(self.sent + self.there, stored.count)
            except BaseException:
                producer.flush(_LAST_WORDS_S)
                raise
            producer.finish(timeout_s)

    def _files(self) -> list[Path]:
        names = [n for n in self._manifest.files if self._first <= _day(n) <= self._last]
        if not names:
            raise ArchiveError(
                f"{self._archive.folder} has no records of these days",
                hint="`afflux archive show` tells which it has",
            )
        return [self._archive.folder / name for name in sorted(names)]

    def _source(self) -> bytes:
        """Another choice of days has gaps that are filled later, so it is another source."""
        text = f"{self._manifest.topic_id}/{self._first}/{self._last}"
        return xxhash.xxh3_128(text.encode()).digest()

    def _what_is_there(self, topic: str, source: bytes) -> Mapping[tuple[int, int], int]:
        """(partition of the topic, of the archive) -> last offset that is there."""
        found: dict[tuple[int, int], int] = {}
        with TopicReader(self._settings, [topic], admin=self._admin) as reader:
            for record in reader.to_end():
                number = read_number(record.headers)
                if number is not None and number[0] == source:
                    place = record.partition, number[1]
                    found[place] = max(found.get(place, -1), number[2])
        return found


def _homes(keys: Sequence[bytes | None], origins: Sequence[int], partitions: int) -> Sequence[int]:
    """The partition of each: that of its key, of its origin where it has none."""
    hashes = murmur2([Identity(key or b"") for key in keys])
    found: np.ndarray[tuple[int], np.dtype[np.int32]] = partition_of(hashes, partitions)
    pairs = zip(keys, found.tolist(), origins, strict=True)
    return [home if key is not None else origin % partitions for key, home, origin in pairs]


def _day(name: str) -> str:
    return name.rpartition("day=")[2][:10]
