"""Score updates as a subscriber keeps them: of each profile the newest, nothing twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from afflux.wording import effect, say
from streams.updates import update_order


class Newest:
    """Lets through what is newer than all that came before of its key.

    Updates are delivered at least once, and again after a rewind: the greater (position, version)
    wins, so a subscriber that keeps the greatest is right at any moment.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self.dropped = 0

    def is_new(self, update: Mapping[str, Any]) -> bool:
        """Whether it is newer; then it is remembered.

        >>> one = {"identity": "a:1", "positionOffset": 5, "positionVersion": 2}
        >>> newest = Newest()
        >>> newest.is_new(one), newest.is_new(one), newest.is_new(one | {"positionOffset": 6})
        (True, False, True)
        """
        order = update_order(update)
        if order <= self._seen.get(update["identity"], (-1, -1)):
            self.dropped += 1
            return False
        self._seen[update["identity"]] = order
        return True


def chosen(
    update: Mapping[str, Any], profile: str | None, models: Iterable[str]
) -> dict[str, Any] | None:
    """The update with only the wanted models; None where it is of another person.

    profile: any identity of the person, `namespace:id`; None for everybody. models: none for all.
    """
    if profile is not None and profile not in (update["identity"], *update["identities"]):
        return None
    wanted = set(models)
    scores = [s for s in update["scores"] if not wanted or s["model"] in wanted]
    return {**update, "scores": scores} if scores else None


def lines(
    update: Mapping[str, Any], phrases: Mapping[str, str], amounts: Collection[str] = ()
) -> Iterator[str]:
    """The update for a person, a line a score.

    phrases: features in words. amounts: models whose values are money, not probabilities.
    """
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
