"""Early learning: an example is learned when it opens, and again when it happens.

At the opening it is learned as if nothing would come of it, a fake negative where something does;
weights take out what is false in that. The fake-negative weighted loss (FNW) is of Ktena, Tejani,
Theis, Myana, Dilipkumar, Huszar, Yoo and Shi, "Addressing delayed feedback for continuous training
with neural networks in CTR prediction", RecSys 2019. With p the probability that it happens, of the
records that are learned it happened in the share

    b = p / (1 + p)

The loss over the true distribution is, by importance sampling, that over the records with the
weights p / b = 1 + p and (1 - p) / (1 - b) = (1 - p)(1 + p). For p stands what the model says, f,
which is a constant in the gradient:

    weight = 1 + f                 where it happened
    weight = (1 - f)(1 + f)        at the opening

So nothing waits for the end of a window. It makes sense where something *happens*: a "will". Of a
"will not" the happening is the label 0: the labels change places, and f is 1 - p. Amounts and
counts have no moment at which they are decided.
"""

from __future__ import annotations

import numpy as np

from afflux.columns import F64
from afflux.outcomes import ModelSpec


def event_label(spec: ModelSpec) -> float | None:
    """The label that says that it happened; None of a model that waits for its window's end."""
    if not spec.early:
        return None
    return 0.0 if spec.outcome.form == "will_not" else 1.0


def weights(p: F64, targets: F64, event: float) -> F64:
    """Of records with these probabilities of the label 1, before they are learned.

    >>> p = np.array([0.5, 0.5, 0.0])
    >>> weights(p, np.array([1.0, 0.0, 0.0]), event=1.0).tolist()
    [1.5, 0.75, 1.0]
    """
    f = p if event == 1.0 else 1.0 - p
    return np.asarray(np.where(targets == event, 1.0 + f, (1.0 - f) * (1.0 + f)))
