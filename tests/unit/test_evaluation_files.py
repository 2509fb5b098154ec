"""Files become events; what cannot be meant is told with its row and what to do."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from afflux.columns import Kind
from evaluation_files import csv, mapping, read
from launcher.evaluation import runs as runs_module
from launcher.evaluation.errors import FileError, ValueFault
from launcher.evaluation.event_log import EVENT, Events
from launcher.evaluation.runs import Runs

DAY = 86_400_000
T0 = 1_483_228_800_000  # 2017-01-01
PLAIN = "who,at,paid\nann,2017-01-02,5.5\nben,2017-01-01T12:00:00,7\nann,2017-01-03 06:00:00.5,\n"


def test_csv_in_order_of_time(tmp_path: Path) -> None:
    """Rows come sorted, whatever their order in the file; identities as they appear."""
    log, events = read(csv(tmp_path, PLAIN), mapping())
    assert log.identities == [b"crm:ann", b"crm:ben"]
    assert events["ts"].tolist() == [T0 + DAY // 2, T0 + DAY, T0 + 2 * DAY + 6 * 3_600_500 - 2_500]
    assert events["who"].tolist() == [1, 0, 0]
    assert events["amount"].tolist() == [7.0, 5.5, 0.0]
    assert set(events["kind"].tolist()) == {Kind.PURCHASE}
    assert log.out_of_order == 1


def test_the_order_of_the_file(tmp_path: Path) -> None:
    """`order: file` keeps late rows where they stand."""
    _, events = read(csv(tmp_path, PLAIN), mapping(order="file"))
    assert events["who"].tolist() == [0, 1, 0]


def test_zones(tmp_path: Path) -> None:
    """Times with a zone are moments; others are in the mapping's zone."""
    own = csv(tmp_path, "who,at,paid\na,2017-01-01T02:00:00+02:00,1\nb,2017-01-01T01:00:00Z,1\n")
    assert read(own, mapping())[1]["ts"].tolist() == [T0, T0 + 3_600_000]
    other = csv(tmp_path, "who,at,paid\na,2017-01-01 01:00:00,1\n")
    berlin = mapping(time={"column": "at", "zone": "Europe/Berlin"})
    assert read(other, berlin)[1]["ts"].tolist() == [T0]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("epoch_s", "1483228800"), ("epoch_ms", "1483228800000"), ("%d.%m.%Y", "01.01.2017"),
        (["iso", "%d.%m.%Y"], "2017-01-01"), ("%Y%m%d", "20170101"),
    ],
)  # fmt: skip
def test_formats_of_time(tmp_path: Path, form: Any, value: str) -> None:
    """Numbers, strptime's, and several side by side."""
    m = mapping(time={"column": "at", "zone": "UTC", "format": form})
    assert read(csv(tmp_path, f"who,at,paid\na,{value},1\n"), m)[1]["ts"].tolist() == [T0]


def test_line_items_become_baskets(tmp_path: Path) -> None:
    """Rows of a transaction are one event: money and units add up, others may stand between."""
    text = "who,at,paid,basket\na,2017-01-01,1,x\nb,2017-01-01,5,y\na,2017-01-01,2,x\n"
    log, events = read(csv(tmp_path, text), mapping(transaction="basket"))
    assert sorted(zip(events["who"].tolist(), events["amount"], strict=True)) == [(0, 3), (1, 5)]
    assert sorted(events["quantity"].tolist()) == [1, 2]
    assert len(log) == 3


def test_types_of_a_column(tmp_path: Path) -> None:
    """Values are mapped, known names stand for themselves, and others are as the mapping says."""
    text = (
        "who,at,what\na,2017-01-01,buy\na,2017-01-02,commerce.productViews\na,2017-01-03,sneeze\n"
    )
    event = {"column": "what", "types": {"buy": "commerce.purchases"}}
    path = csv(tmp_path, text)
    for other, kinds in (
        ("skip", [Kind.PURCHASE, Kind.PRODUCT_VIEW]),
        ("keep", [Kind.PURCHASE, Kind.PRODUCT_VIEW, Kind.OTHER]),
    ):
        m = mapping(event={**event, "other": other}, amount=None)
        assert read(path, m)[1]["kind"].tolist() == kinds
    with pytest.raises(ValueFault, match="row 3: 'sneeze' in column 'what'"):
        read(path, mapping(event=event, amount=None))


def test_json_lines_and_parquet_are_alike(tmp_path: Path) -> None:
    """The same rows from either, nested columns by their path, and compressed."""
    lines = '{"who": {"id": 7}, "at": "2017-01-01T00:00:00Z", "paid": 2}\n\n'
    lines += '{"who": {"id": 8}, "at": "2017-01-02T00:00:00Z", "more": []}'
    m = mapping(identity={"column": "who.id", "namespace": "crm"})
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(lines.encode()))
    rows = {"who": [{"id": 7}, {"id": 8}], "at": [T0, T0 + DAY], "paid": [2.0, None]}
    table = pa.table(rows).set_column(1, "at", pa.array(rows["at"], pa.timestamp("ms", "UTC")))
    pq.write_table(table, tmp_path / "events.parquet")
    for path in (csv(tmp_path, lines, "events.jsonl"), packed, tmp_path / "events.parquet"):
        log, events = read(path, m)
        assert log.identities == [b"crm:7", b"crm:8"]
        assert events["ts"].tolist() == [T0, T0 + DAY]
        assert events["amount"].tolist() == [2.0, 0.0]


def test_rows_that_are_alike(tmp_path: Path) -> None:
    """Without a column that names events, repeated rows are counted, and dropped on demand."""
    path = csv(tmp_path, "who,at,paid\na,2017-01-01,1\na,2017-01-01,1\nb,2017-01-01,1\n")
    log, events = read(path, mapping())
    assert (len(events), log.repeats) == (3, 1)
    log, events = read(path, mapping(duplicates="drop"))
    assert (len(events), log.repeats) == (2, 1)


@pytest.mark.parametrize("how", ["skip", "zero"])
def test_negative_amounts(tmp_path: Path, how: str) -> None:
    """Are left out or count nothing, where the mapping says so."""
    path = csv(tmp_path, "who,at,paid\na,2017-01-01,-1\nb,2017-01-01,1\n")
    amounts = read(path, mapping(negative=how))[1]["amount"].tolist()
    assert amounts == ([1.0] if how == "skip" else [0.0, 1.0])


@pytest.mark.parametrize(
    ("text", "changes", "why", "hint"),
    [
        ("", {}, "is empty", ""),
        ("who,at,paid\n", {}, "has no rows", ""),
        ("who;at;paid\na;2017-01-01;1\n", {}, "parted by a semicolon", 'delimiter: ";"'),
        ("who\tat\tpaid\na\t2017-01-01\t1\n", {}, "parted by a tab", "delimiter"),
        ("user,at,pay\na,2017-01-01,1\n", {}, "no column 'who'", "It has user, at, pay"),
        ("who,at,paid\na,2017-01-01,1\na,2017-01-01\n", {}, "Expected 3 columns", ""),
    ],
)
def test_files_that_do_not_fit(
    tmp_path: Path, text: str, changes: dict[str, Any], why: str, hint: str
) -> None:
    """What is wrong with the file as a whole, and what to do."""
    with pytest.raises(FileError, match=why) as raised:
        read(csv(tmp_path, text), mapping(**changes))
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("rows", "changes", "why", "hint"),
    [
        ("a,2017-01-01,1\na,03.02.2017,1\n", {}, "row 2: '03.02.2017'", '"%d.%m.%Y"'),
        ("a,03/02/2017,1\n", {}, "row 1", '"%m/%d/%Y" or "%d/%m/%Y"'),
        (
            "a,2017-01-01,1\na,01.02.2017,1\na,Feb 1 17,1\n",
            {"time": {"column": "at", "zone": "UTC", "format": ["iso", "%d.%m.%Y"]}},
            "row 3: 'Feb 1 17' in column 'at' is not iso or %d.%m.%Y",
            "format",
        ),
        ("a,2017-01-01 00:00:00,1\na,2017-01-01T00:00:00Z,1\n", {}, "mixed time zones", "zone"),
        ("a,2017-01-01,1\n", {"time": {"column": "at"}}, "name no time zone", "zone: UTC"),
        ("a,1483228800,1\n", {"time": {"column": "at", "format": "epoch_ms"}}, "1975", "epoch_s"),
        ("a,,1\n", {}, "row 1 has no time", ""),
        (",2017-01-01,1\n", {}, "row 1 has no identity", ""),
        ("a,2017-01-01,1\na,2017-01-01,\"12,50\"\n", {}, "row 2: '12,50'", "decimal"),
        ("a,2017-01-01,1\na,2017-01-01,-3\n", {}, "row 2: -3", "negative: skip"),
        ("a,2017-01-01,nan\n", {}, "row 1: column 'paid' is not finite", ""),
    ],
)  # fmt: skip
def test_values_that_cannot_be_meant(
    tmp_path: Path, rows: str, changes: dict[str, Any], why: str, hint: str
) -> None:
    """Row, column and value are named, and the line to add to the mapping."""
    with pytest.raises(ValueFault) as raised:
        read(csv(tmp_path, "who,at,paid\n" + rows), mapping(**changes))
    assert why in raised.value.message
    assert hint in raised.value.hint


def test_a_row_far_into_the_file_is_named(tmp_path: Path) -> None:
    """Blocks are small, numbers of rows go on."""
    good = "somebody,2017-01-01,1\n" * 300_000
    with pytest.raises(ValueFault, match="row 300,001: 'soon'"):
        read(csv(tmp_path, f"who,at,paid\n{good}a,soon,1\n"), mapping())


def test_a_line_that_is_no_json(tmp_path: Path) -> None:
    """Is named."""
    path = csv(tmp_path, '{"who": 1, "at": "2017-01-01", "paid": 1}\n{"who": 2,\n', "e.jsonl")
    with pytest.raises(FileError, match=r"line 2 of .* is no JSON object"):
        read(path, mapping())


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    """The reader's own words, and a hint."""
    with pytest.raises(FileError, match="cannot be read"):
        read(csv(tmp_path, "who,at\n", "e.parquet"), mapping())


def test_an_ending_that_says_nothing(tmp_path: Path) -> None:
    """The mapping has to tell the format then."""
    with pytest.raises(FileError, match="does not say what it is"):
        read(csv(tmp_path, PLAIN, "events"), mapping())
    assert len(read(csv(tmp_path, PLAIN, "events"), mapping(format="csv"))[1]) == 3


def random_rows(n: int) -> Events:
    """Rows of 90 people over 50 hours, in no order, no two alike."""
    rng = np.random.default_rng(3)
    rows = np.zeros(n, EVENT)
    rows["ts"] = T0 + rng.integers(0, 50, n) * 3_600_000
    rows["who"] = rng.integers(0, 90, n)
    rows["id"] = np.arange(1, n + 1)
    rows["amount"] = rng.random(n)
    return rows


@pytest.mark.parametrize("run", [1, 700, 10_000])
def test_runs_on_disk_are_one_log(monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    """However small the sorted runs are, the log is the same, and can be read again."""
    monkeypatch.setattr(runs_module, "_WINDOW", 50)
    rows = random_rows(5_000)
    with Runs([], run=run) as runs:
        for at in range(0, 5_000, 130):
            runs.add(rows[at : at + 130])
        for size in (1_000, 77):
            events = np.concatenate(list(runs.blocks(size)))
            assert events.tobytes() == rows[np.argsort(rows["ts"], kind="stable")].tobytes()
    assert runs.out_of_order > 4_000


def test_groups_in_the_order_of_the_file_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that stand together are one event, wherever windows end."""
    monkeypatch.setattr(runs_module, "_WINDOW", 7)
    rows = np.repeat(random_rows(300), 5)
    with Runs([], grouped=True, in_time=False, run=60) as runs:
        for at in range(0, 1_500, 50):
            runs.add(rows[at : at + 50])
        events = np.concatenate(list(runs.blocks(40)))
    assert events["id"].tolist() == rows["id"][::5].tolist()
    assert runs.done == 1_500


def test_groups_over_runs_are_whole() -> None:
    """Items of a basket that came to different runs are one event all the same."""
    rows = random_rows(4_000)
    rows["id"] = rows["id"] % 40 + 1
    rows["quantity"] = 1
    keys = {tuple(r) for r in rows[["ts", "who", "id"]].tolist()}
    with Runs([], grouped=True, run=100) as runs:
        for at in range(0, 4_000, 90):
            runs.add(rows[at : at + 90])
        events = np.concatenate(list(runs.blocks(500)))
    assert len(events) == len(keys)
    assert events["quantity"].sum() == 4_000
    assert events["amount"].sum() == pytest.approx(rows["amount"].sum())


def test_the_price_of_each_is_multiplied(tmp_path: Path) -> None:
    """`amount_is: each` makes the amount of a row its price times its quantity."""
    path = csv(tmp_path, "who,at,paid,units\na,2024-01-01,2.5,4\nb,2024-01-02,3,\n")
    _, events = read(path, mapping(amount_is="each", quantity="units"))
    assert events["amount"].tolist() == [10.0, 0.0]
