"""What a rule may name.

profile.<feature>              double     the features, as models see them
scores.<model>.value           double     also percentile (int), bucket (string), trusted (bool)
attributes.<name>              declared   `attributes["a name"]` where it is no identifier
events.<channel>.total         int        revenue and items: double
events.<channel>.decayed_7d    double     each half-life of `features/decayed.py`
events.<channel>.last          timestamp  of channels that count events
audiences.<name>               bool       membership in another audience
now                            timestamp  event time that the rule is asked about
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from afflux.audiences.typed import Column, Type
from afflux.catalog import Catalog
from afflux.features.channels import CHANNELS, COUNTED
from afflux.features.decayed import HALF_LIVES_DAYS

ROOTS = ("attributes", "audiences", "events", "now", "profile", "scores")

_SCORE = {
    "value": Type.DOUBLE, "percentile": Type.INT, "bucket": Type.STRING, "trusted": Type.BOOL,
}  # fmt: skip


@dataclass(frozen=True)
class Vocabulary:
    """Columns by path: ("scores", "churn", "value").

    A score is missing before the first one, a percentile while there are no cut points, a last
    event where there was none, an attribute where the record has none of the declared type.
    """

    columns: Mapping[tuple[str, ...], Column]

    @staticmethod
    def of(
        features: Sequence[str], models: Sequence[str], attributes: Mapping[str, Type]
    ) -> Vocabulary:
        """Of names. Attributes are of type bool, int, double or string."""
        found = [
            *((("profile", f), Type.DOUBLE, False) for f in features),
            *((("scores", m, what), t, True) for m in models for what, t in _SCORE.items()),
            *((("attributes", a), t, True) for a, t in attributes.items()),
            *_history(),
        ]
        return Vocabulary({p: Column(t, p, missing) for p, t, missing in found})

    @staticmethod
    def of_catalog(catalog: Catalog, attributes: Mapping[str, Type]) -> Vocabulary:
        """Of an installation.

        >>> from afflux.outcomes import ModelSpec, Outcome
        >>> catalog = Catalog([ModelSpec("churn", Outcome("will_not", (), 1))])
        >>> words = Vocabulary.of_catalog(catalog, {"tier": Type.STRING})
        >>> words.after(("scores",)), words.after(("attributes",))
        (['churn'], ['tier'])
        """
        return Vocabulary.of(catalog.features, [m.name for m in catalog.models], attributes)

    def after(self, path: tuple[str, ...]) -> list[str]:
        """What may follow `path`, sorted."""
        n = len(path)
        return sorted({p[n] for p in self.columns if p[:n] == path and len(p) > n})


def _history() -> Iterator[tuple[tuple[str, ...], Type, bool]]:
    for channel in CHANNELS:
        counted = channel in COUNTED
        yield ("events", channel, "total"), Type.INT if counted else Type.DOUBLE, False
        for days in HALF_LIVES_DAYS:
            yield ("events", channel, f"decayed_{days}d"), Type.DOUBLE, False
        if counted:
            yield ("events", channel, "last"), Type.TIMESTAMP, True
