"""Rows of files as events: what is rejected, in which order, and that evaluate sees the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from afflux.columns import EventColumns
from afflux.validation import Rules
from evaluation_files import FLAT, LINES, csv, mapping, write, write_lines
from evaluation_files import read as evaluated
from launcher.data.generated import generated
from launcher.data.row_events import EventMaker
from launcher.data.row_faults import CODES
from launcher.data.sorted_rows import SortedRows
from launcher.evaluation.errors import FileError, MappingError, ValueFault
from launcher.evaluation.mapping import Mapping, check
from launcher.ingest.reading import read_files
from launcher.ingest.rejects import Rejects, TooManyRejects
from launcher.ingest.source import files_of, name_of
from streams.bad_records import Limits
from streams.decoding import Decoder
from streams.records import RecordBatch
from streams.updates import decode

NOW = 1_735_689_600_000
RULES = Rules(horizon_ms=80 * 365 * 86_400_000)


class Ingested:
    """A file read, sorted and made into values, without Kafka."""

    def __init__(
        self, path: Path, m: Mapping, share: float = 1.0, rules: Rules = RULES, run: int = 400_000
    ) -> None:
        rejects = Rejects(path.parent / "rejects.jsonl", share)
        self.keys: list[bytes] = []
        self.values: list[bytes] = []
        self.stamps: list[int] = []
        with SortedRows(run) as rows, rejects:
            self.skipped = read_files(files_of(path), m, rules, NOW, rows, rejects, lambda *_: None)
            maker = EventMaker(m, ["a", "b", "c"])
            for window in rows.windows():
                made = maker.make(window)
                self.keys += made.keys
                self.values += made.values
                self.stamps += made.stamps.tolist()
        self.repeats = maker.repeats
        self.rejects = [json.loads(x) for x in _lines(rejects.path)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The values in the contract's words."""
        return [decode("ExperienceEvent", value) for value in self.values]

    def columns(self) -> EventColumns:
        """What a worker would fold; nothing may be rejected."""
        n = len(self.values)
        at = np.arange(n)
        records = RecordBatch(
            "experience-events", 0, 0, n, 1, at, np.full(n, NOW), self.keys, self.values, [()] * n
        )
        limits = Limits(1, 16, horizon_ms=RULES.horizon_ms)
        batch, bad = Decoder(limits, b"secret").events(records)
        assert not bad
        return batch.events


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


ALL_WRONG = """\
who,at,paid,kind
a,2024-01-01T10:00:00,1.5,buy
,2024-01-01T10:00:00,1.5,buy
null,2024-01-01T10:00:00,1.5,buy
a,,1.5,buy
a,31.01.2024,1.5,buy
a,2024-01-01T10:00:00Z,1.5,buy
a,2030-01-01T10:00:00,1.5,buy
a,1976-01-01T10:00:00,1.5,buy
a,2024-01-01T10:00:00,x,buy
a,2024-01-01T10:00:00,inf,buy
a,2024-01-01T10:00:00,-1,buy
a,2024-01-01T10:00:00,1e16,buy
a,2024-01-01T10:00:00,1.5,wave
a,2024-01-01T10:00:00
b,2024-01-02T10:00:00,2.5,buy
"""


def test_every_wrong_row_is_named(tmp_path: Path) -> None:
    """Each kind of fault has its code and its line; the rows around it go through."""
    event = {"column": "kind", "types": {"buy": "commerce.purchases"}}
    rules = Rules(horizon_ms=20 * 365 * 86_400_000)
    found = Ingested(csv(tmp_path, ALL_WRONG), mapping(event=event), rules=rules)
    assert [(r["line"], r["code"]) for r in found.rejects] == [
        (3, "missing_identity"), (4, "placeholder_identity"), (5, "no_time"), (6, "time_format"),
        (7, "mixed_zones"), (8, "timestamp_future"), (9, "timestamp_horizon"), (10, "no_number"),
        (11, "not_finite"), (12, "negative"), (13, "too_large"), (14, "unknown_event_type"),
        (15, "broken_row"),
    ]  # fmt: skip
    assert {r["code"] for r in found.rejects} <= set(CODES)
    assert all(r["row"] == r["line"] - 1 and r["message"] for r in found.rejects)
    assert [e["commerce"]["order"]["priceTotal"] for e in found.events] == [1.5, 2.5]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_worker_and_an_evaluation_see_the_same_events(tmp_path: Path, ending: str) -> None:
    """Times, people, kinds, money and units of what is sent are those that evaluate replays."""
    path = write(generated(3_000), tmp_path / f"e.{ending}")
    m = check(FLAT, "m")
    sent = Ingested(path, m).columns()
    _, events = evaluated(path, m)
    assert sent.timestamp.tolist() == events["ts"].tolist()
    for name, column in (("kind", sent.kind), ("amount", sent.amount), ("quantity", sent.quantity)):
        assert Counter(zip(events["ts"], events[name], strict=True)) == Counter(
            zip(sent.timestamp, column, strict=True)
        ), name


def test_line_items_become_one_event(tmp_path: Path) -> None:
    """The lines of a basket are one event with its items; its money is their sum."""
    path = write_lines(generated(2_000), tmp_path / "lines.csv")
    m = check(LINES, "m")
    found = Ingested(path, m)
    _, events = evaluated(path, m)
    sent = found.columns()
    assert sorted(zip(sent.timestamp, sent.amount, sent.quantity, strict=True)) == sorted(
        zip(events["ts"], events["amount"], events["quantity"], strict=True)
    )
    first = found.events[0]
    assert first["_id"] == first["commerce"]["order"]["purchaseID"]
    assert first["productListItems"][0]["SKU"]
    assert first["productListItems"][0]["productCategories"][0]["categoryName"]


@pytest.mark.parametrize("run", [3, 50, 400_000])
def test_any_number_of_runs_gives_the_same_order(tmp_path: Path, run: int) -> None:
    """Sorted in memory or merged from files on disk: the same events in the same order."""
    path = write(generated(1_500), tmp_path / "e.parquet")
    m = check({**FLAT, "id": None}, "m")
    found = Ingested(path, m, run=run)
    assert found.stamps == sorted(found.stamps)
    assert found.values == Ingested(path, m).values


def test_campaigns_currency_and_prices_of_a_unit(tmp_path: Path) -> None:
    """Every other key of the mapping arrives in its field."""
    text = "who,at,paid,n,c,g,t,v\na,2024-01-01,2.5,4,spring,mail,abc,SAVE5\n"
    m = mapping(
        quantity="n", amount_is="each", currency="EUR",
        campaign={"name": "c", "group": "g", "code": "t", "coupon": "v"},
    )  # fmt: skip
    (event,) = Ingested(csv(tmp_path, text), m).events
    assert event["marketing"] == {
        "campaignName": "spring", "campaignGroup": "mail", "trackingCode": "abc"
    }  # fmt: skip
    assert event["commerce"]["promotionID"] == "SAVE5"
    order = event["commerce"]["order"]
    assert (order["priceTotal"], order["currencyCode"]) == (10.0, "EUR")
    assert event["productListItems"][0]["quantity"] == 4
    assert event["identityMap"] == {
        "crm": [{"id": "a", "primary": True, "authenticatedState": None}]
    }


def test_dates_in_three_formats_and_repeated_rows(tmp_path: Path) -> None:
    """A list of formats reads all three; rows that are alike count once if so mapped."""
    text = "who,at,paid\na,2024-01-31,1\na,31.01.2024,1\nb,31 Jan 2024,3\na,2024-01-31,1\n"
    time = {"column": "at", "format": ["iso", "%d.%m.%Y", "%d %b %Y"], "zone": "UTC"}
    found = Ingested(csv(tmp_path, text), mapping(time=time, duplicates="drop"))
    assert (len(found.values), found.repeats, found.rejects) == (2, 2, [])
    assert len(Ingested(csv(tmp_path, text), mapping(time=time)).values) == 4


def test_a_folder_is_merged_by_time(tmp_path: Path) -> None:
    """Rows of several files go in by their time; ids of rows without one are of their file."""
    folder = tmp_path / "in"
    folder.mkdir()
    csv(folder, "who,at,paid\na,2024-01-03,1\na,2024-01-01,1\n", "x.csv")
    csv(folder, "who,at,paid\na,2024-01-02,1\n", "y.csv")
    csv(folder, "nothing of ours", "notes.md")
    found = Ingested(folder, mapping())
    assert [e["_id"] for e in found.events] == ["a-2", "b-1", "a-1"]


@pytest.mark.parametrize(
    ("text", "changes", "error", "why"),
    [
        ("", {}, FileError, "is empty"),
        ("who,at,paid\n", {}, FileError, "has no rows"),
        ("who;at;paid\na;2024-01-01;1\n", {}, FileError, "parted by a semicolon"),
        ("who,at\na,2024-01-01\n", {}, FileError, "no column 'paid'"),
        ("who,at,paid\na,2024-01-01,1\n", {"time": {"column": "at"}}, ValueFault, "no time zone"),
        ("who,at,paid\na,17,1\nb,18,1\n", {}, FileError, "all are rejected"),
    ],
)
def test_files_that_do_not_fit_stop(
    tmp_path: Path, text: str, changes: dict[str, Any], error: type[Exception], why: str
) -> None:
    """Empty, another delimiter, a missing column, no zone: the words of evaluate, nothing made."""
    with pytest.raises(error, match=why):
        Ingested(csv(tmp_path, text), mapping(**changes))


def test_a_mapping_that_does_not_fit_stops_early(tmp_path: Path) -> None:
    """Most rows are rejected: it stops, tells the first, and all so far are in the file."""
    text = "who,at,paid\n" + "a,yesterday,1\n" * 3_000
    with pytest.raises(TooManyRejects, match=r"time_format.*row 1, column 'at', 'yesterday'"):
        Ingested(csv(tmp_path, text), mapping(), share=0.01)
    assert len(_lines(tmp_path / "rejects.jsonl")) == 3_000


def test_the_name_of_a_file_is_its_content_and_what_it_means() -> None:
    """Models and openings change nothing of what is sent, columns do."""
    one = name_of("abc", mapping())
    assert one == name_of("abc", mapping(models={"churn": "no commerce.purchases within 14d"}))
    assert one != name_of("abd", mapping())
    assert one != name_of("abc", mapping(amount=None))
    assert len(one) == 16


def test_wrong_mappings_are_refused() -> None:
    """A price of each without a quantity, a campaign without columns, a currency that is none."""
    wrong: list[dict[str, Any]] = [{"amount_is": "each"}, {"campaign": {}}, {"currency": "Euro"}]
    for changes in wrong:
        with pytest.raises(MappingError):
            mapping(**changes)


def test_runs_are_removed_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it ends, no temporary file stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = pa.table({"ts": [3, 1, 2], "row": [1, 2, 3], "file": pa.array([0, 0, 0], pa.int16())})

    def fail() -> None:
        with SortedRows(1) as sorter:
            sorter.add(rows)
            assert list(tmp_path.iterdir())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not list(tmp_path.iterdir())
