"""What `afflux init` guesses of files that it has never seen."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from evaluation_files import csv, write
from launcher.data.file_sample import sample
from launcher.data.generated import generated
from launcher.evaluation.errors import FileError
from launcher.evaluation.mapping import check
from launcher.guess.proposal import CannotGuess, Proposal, propose
from launcher.guess.written import mapping_text, settings_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)

RETAIL = """\
InvoiceNo;StockCode;Description;Quantity;InvoiceDate;UnitPrice;CustomerID;Country
536365;85123A;WHITE HOLDER;6;01.12.2010 08:26;2,55;17850;United Kingdom
536365;71053;METAL LANTERN;6;01.12.2010 08:26;3,39;17850;United Kingdom
536366;84406B;CREAM HANGER;8;13.12.2010 09:26;2,75;13047;United Kingdom
C53636;84406B;CREAM HANGER;-8;14.12.2010 09:26;2,75;13047;France
"""


def guess(path: Path, **given: str) -> Proposal:
    """The proposal of a file."""
    return propose(sample(path), given)


def test_line_items_of_a_shop(tmp_path: Path) -> None:
    """Semicolons, decimal commas, days first, prices of a unit, returns: all of it is seen."""
    found = guess(csv(tmp_path, RETAIL))
    assert found.mapping == {
        "identity": {"column": "CustomerID", "namespace": "customer"},
        "time": {"column": "InvoiceDate", "format": "%d.%m.%Y %H:%M", "zone": "UTC"},
        "event": {"type": "commerce.purchases"},
        "transaction": "InvoiceNo",
        "amount": "UnitPrice",
        "amount_is": "each",
        "quantity": "Quantity",
        "items": {"product": "StockCode"},
        "negative": "skip",
        "delimiter": ";",
        "decimal": ",",
    }
    assert any("'Country'" in line for line in found.unknown)
    assert all(0.55 <= g.confidence <= 1 for g in found.guesses.values())


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_typed_events_in_every_format(tmp_path: Path, ending: str) -> None:
    """The same rows in three formats give the same mapping, apart from the form."""
    path = write(generated(3_000), tmp_path / f"events.{ending}")
    found = guess(path, identity="who").mapping
    assert found["time"] == {"column": "at", "format": "epoch_ms"}
    assert found["event"]["column"] == "kind"
    assert (found["id"], found["amount"], found["quantity"]) == ("event", "paid", "units")
    check(found, "mapping.yml")


def test_actions_become_event_types(tmp_path: Path) -> None:
    """Words of a column are translated; what is not known is named, and counts as another event."""
    rows = "".join(
        f"{1_700_000_000_000 + i},{i % 5},{('view', 'addtocart', 'transaction', 'wave')[i % 4]}\n"
        for i in range(40)
    )
    found = guess(csv(tmp_path, "timestamp,visitorid,event\n" + rows))
    assert found.mapping["event"] == {
        "column": "event",
        "types": {
            "view": "commerce.productViews",
            "addtocart": "commerce.productListAdds",
            "transaction": "commerce.purchases",
        },
        "other": "keep",
    }
    assert any("'wave'" in line for line in found.unknown)


def test_campaigns_and_coupons(tmp_path: Path) -> None:
    """Campaign fields have roles of their own."""
    rows = "".join(f"u{i % 7},2024-01-{i + 1:02},12.5,spring,mail,C{i}\n" for i in range(20))
    head = "user_id,created_at,amount,utm_campaign,utm_medium,coupon_code\n"
    found = guess(csv(tmp_path, head + rows))
    assert found.mapping["campaign"] == {
        "name": "utm_campaign", "group": "utm_medium", "coupon": "coupon_code"
    }  # fmt: skip
    assert found.mapping["identity"] == {"column": "user_id", "namespace": "user"}


def test_dates_in_three_formats(tmp_path: Path) -> None:
    """All three are found, and the mapping reads every row."""
    rows = "a,2024-01-31,1\na,31.01.2024,2\nb,31 Jan 2024,3\n" * 4
    found = guess(csv(tmp_path, "customer,date,amount\n" + rows))
    formats = found.mapping["time"]["format"]
    assert sorted(formats) == sorted(["iso", "%d.%m.%Y", "%d %b %Y"])
    assert any("3 ways" in note for note in found.notes["time"])
    assert found.mapping["duplicates"] == "keep"


def test_day_or_month_first_is_said_when_both_fit(tmp_path: Path) -> None:
    """01/02 and 03/04 could be either: it is taken, with less confidence, and told."""
    found = guess(
        csv(tmp_path, "customer,date,amount\na,01/02/2024,1.5\nb,03/04/2024,2.5\na,05/06/2024,1\n")
    )
    assert any("Every value fits both" in note for note in found.notes["time"])
    assert found.guesses["time"].confidence < 0.9


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("customer,date\na,2024-01-01T00:00:00Z\nb,2024-01-02T00:00:00\n", "mixed time zones"),
        ("customer,date\na,31/01/2024\nb,01/31/2024\n", "cannot be told apart"),
        ("colour,size\nred,1\nblue,2\n", "who it was"),
        ("customer,size\nred,x\nblue,y\n", "when it was"),
    ],
)
def test_what_cannot_be_guessed_stops(tmp_path: Path, text: str, why: str) -> None:
    """Without identity or time there is no mapping; the message says what to do."""
    with pytest.raises(CannotGuess, match=why) as caught:
        guess(csv(tmp_path, text))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "why"), [("", "is empty"), ("a,b\n", "has no rows"), ('{"a": [\n', "no JSON object")]
)
def test_files_without_rows(tmp_path: Path, text: str, why: str) -> None:
    """Empty, only a head, and broken: each has its words."""
    with pytest.raises(FileError, match=why):
        sample(csv(tmp_path, text, "x.jsonl" if text.startswith("{") else "x.csv"))


def test_the_end_of_a_large_file_is_looked_at(tmp_path: Path) -> None:
    """A zone that changes after megabytes is seen: the sample is not only the beginning."""
    early = "a,2024-01-01T00:00:00,5.25\n" * 60_000
    late = "b,2024-06-01T00:00:00Z,5.25\n" * 60_000
    with pytest.raises(CannotGuess, match="mixed time zones"):
        guess(csv(tmp_path, "customer,date,amount\n" + early + late))


def test_nested_columns_of_parquet(tmp_path: Path) -> None:
    """What is inside a struct has a name with a dot, as the mapping wants it."""
    who = pa.array([{"id": f"u{i % 3}"} for i in range(9)])
    at = pa.array([datetime(2024, 1, i + 1) for i in range(9)])
    pq.write_table(pa.table({"customer": who, "time": at}), tmp_path / "e.parquet")
    found = guess(tmp_path / "e.parquet")
    assert found.mapping["identity"]["column"] == "customer.id"
    assert found.mapping["time"] == {"column": "time", "zone": "UTC"}


def test_what_is_written_is_what_was_guessed(tmp_path: Path) -> None:
    """The commented mapping reads back as the guess; old events raise the horizon."""
    found = guess(csv(tmp_path, RETAIL))
    text = mapping_text(found)
    read: dict[str, Any] = yaml.safe_load(text)
    assert read == json.loads(json.dumps(found.mapping))
    check(read, "mapping.yml")
    assert "% sure" in text
    settings = tomllib.loads(settings_text(found, NOW))
    assert settings["limits"]["horizon_days"] > 15 * 365
    assert settings["kafka"] == {}
