"""Score updates in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from afflux.wording import effect, say


def lines(
    update: Mapping[str, Any], phrases: Mapping[str, str], amounts: Collection[str] = ()
) -> Iterator[str]:
    """The update for a person, a line a score.

    phrases: features in words. amounts: models whose values are money, not probabilities.
    """
    if "change" in update:
        yield f"{update['identity']}  {update['change']}: {', '.join(update['identities'])}"
    for score in update["scores"]:
        value = score["value"]
        shown = f"{value:,.2f}" if score["model"] in amounts else _share(value)
        change = ""
        if score["previous"] is not None and score["previous"] != value:
            change = " up" if value > score["previous"] else " down"
        amount = score["model"] in amounts
        why = ", ".join(
            f"{_reason(f, phrases)}: {effect(value, f['contribution'], amount)}"
            for f in score["factors"]
        )
        trust = "" if score["trusted"] else ", not trusted yet"
        yield (
            f"{update['identity']}  {score['model']} {shown}{change} ({score['bucket']}{trust})"
            + (f"  because of {why}" if why else "")
        )


def _reason(factor: Mapping[str, Any], phrases: Mapping[str, str]) -> str:
    feature = factor["feature"]
    if feature in phrases and "value" in factor:
        return say(feature, factor["value"])
    return phrases.get(feature, feature)


def _share(value: float) -> str:
    """A probability in percent; a model that is not known here may serve amounts."""
    return f"{100 * value:.0f} %" if 0 <= value <= 1 else f"{value:,.2f}"
