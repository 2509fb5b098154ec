"""The figures of the clusters as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """\
# Audience clusters beside MiniBatchKMeans refitted daily

`python -m benchmarks.clusters.run --write` (needs the extra `evaluate`). Stability is the adjusted
Rand index between consecutive days, of the people of both days (of the refitted ones: a pair of
days every week); silhouettes are of the same people on the same days, once a week. Settings are
those of `models/clusters.py` for both data sets; what is measured is described in
`benchmarks/clusters/run.py`.
"""


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """All of it."""
    lines = [
        _HEAD,
        "| data | days | stability online: mean, 5 %, least | refitted | silhouette online "
        "| refitted | µs an opening | clusters ended |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, of in found.items():
        mine, theirs = of["stability"], of["refitted_stability"]
        lines.append(
            f"| {name} | {of['days']} | {mine['mean']}, {mine['p5']}, {mine['least']} | "
            f"{theirs['mean']}, {theirs['p5']}, {theirs['least']} | {of['silhouette']} | "
            f"{of['refitted_silhouette']} | {of['us_an_opening']} | {of['retired']:.0f} |"
        )
    for name, of in found.items():
        lines += ["", f"## {name}, at the end", "", "| people | description |", "|---|---|"]
        lines += [f"| {c['people']:,} | {c['description']} |" for c in of["clusters"]]
    return "\n".join(lines) + "\n"
