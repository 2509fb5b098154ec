"""Conversion to any event: a file with types of its own, through the whole of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from launcher.chosen_models import chosen_models
from launcher.errors import LauncherError
from launcher.evaluation.errors import MappingError
from launcher.evaluation.result import Result
from launcher.evaluation.run import Options, run
from launcher.settings import load

DAY = 86_400_000
T0 = 1_735_689_600_000
MAPPING: dict[str, Any] = {
    "identity": {"column": "who"},
    "time": {"column": "at", "format": "epoch_ms"},
    "event": {"column": "what", "types": {"demo": "acme.demoBooked", "off": "acme.signedOff"}},
    "openings": {"of": ["web.formFilledOut"]},
}


def log() -> list[tuple[str, int, str]]:
    """40 people for 30 weeks: each week a form; of those who wrote on odd weeks a demo follows."""
    rows = []
    for week in range(30):
        for person in range(40):
            at = T0 + 7 * week * DAY + person * 1_000
            rows.append((f"p{person}", at, "web.formFilledOut"))
            if (person + week) % 2:
                rows.append((f"p{person}", at + 2 * DAY, "demo"))
            if person % 10 == 0 and week == 10:
                rows.append((f"p{person}", at + DAY, "off"))
    return sorted(rows, key=lambda row: row[1])


def evaluated(folder: Path, *outcomes: str, **changes: Any) -> Result:
    """What `afflux evaluate` finds."""
    file, mapping = folder / "log.csv", folder / "m.yaml"
    lines = [f"{who},{at},{what}" for who, at, what in log()]
    file.write_text("who,at,what\n" + "\n".join(lines) + "\n")
    mapping.write_text(yaml.safe_dump({**MAPPING, **changes}))
    names = tuple(o.partition(":")[0] for o in outcomes) or ("demo",)
    return run(Options(file, mapping, names, outcomes), Console(quiet=True))


def expected(left_out: bool) -> tuple[int, int]:
    """Forms whose window of 3 days has passed, and those a demo followed; by plain Python."""
    rows = log()
    end = rows[-1][1]
    booked = {(who, at) for who, at, what in rows if what == "demo"}
    gone = {who: at for who, at, what in rows if what == "off"}
    forms = [
        (who, at) for who, at, what in rows
        if what == "web.formFilledOut" and at + 3 * DAY + 3_600_000 < end
        and not (left_out and gone.get(who, end) <= at)
    ]  # fmt: skip
    return len(forms), sum((who, at + 2 * DAY) in booked for who, at in forms)


@pytest.mark.parametrize("left_out", [False, True])
def test_conversion_to_an_event_of_ones_own(tmp_path: Path, left_out: bool) -> None:
    """From words to labels: every form opens, as many convert as a plain count says."""
    words = "demo: acme.demoBooked within 3d after 1 web.formFilledOut"
    result = evaluated(tmp_path, words + (" unless acme.signedOff" if left_out else ""))
    found = result.models["demo"]
    forms, booked = expected(left_out)
    unjudged = forms - found.examples
    assert 0 <= unjudged < 400, "those of the first batch, before there is a model"
    assert booked - unjudged <= found.positives <= booked
    assert not result.notes


def test_outcomes_of_the_mapping(tmp_path: Path) -> None:
    """The same words in the mapping, and what is learned: who books every other week."""
    models = {"demo": "acme.demoBooked within 3d after 1 web.formFilledOut"}
    result = evaluated(tmp_path, models=models)
    assert result.models["demo"].figures["auc"] > 0.9


def test_a_type_that_never_comes_is_told(tmp_path: Path) -> None:
    """Any name may be asked for; one that is not there is told, with the nearest that is."""
    notes = evaluated(tmp_path, "demo: acme.demoBoked within 3d after 1 web.formFilledOut").notes
    assert "no event is of the type 'acme.demoBoked'" in notes[0]
    assert "did you mean acme.demoBooked?" in notes[0]


def test_mistyped_types_are_refused(tmp_path: Path) -> None:
    """A mapping to what is nearly a known type."""
    event = {"column": "what", "types": {"demo": "commerce.purchase"}}
    with pytest.raises(MappingError, match=r"did you mean commerce\.purchases"):
        evaluated(tmp_path, "demo: acme.demoBooked within 3d", event=event)


def test_models_of_words_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting makes a live model of the same words."""
    words = "demo: acme.demoBooked within 14d unless acme.left; soon: commerce.purchases within 2d"
    monkeypatch.setenv("AFFLUX_LEARN_OUTCOMES", words)
    found = {str(m.spec.name): m.spec for m in chosen_models(load())}
    assert found["demo"].outcome.describe() == "any acme.demoBooked within 14 days"
    assert found["demo"].excluded[0].channel == "acme.left"
    assert {"churn", "soon"} <= found.keys()
    monkeypatch.setenv("AFFLUX_LEARN_OUTCOMES", "demo: acme.demoBooked in 14d")
    with pytest.raises(LauncherError, match="within"):
        chosen_models(load())
