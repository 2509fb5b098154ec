"""Similar people as a person wants to read them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from profile_store.similar import Similar


def lines(found: Similar) -> Iterator[str]:
    """What was compared, and why there may be nobody.

    >>> list(lines(Similar("cluster", 0, None, True)))
    ['this person has opted out of scoring and is compared with nobody']
    """
    if found.opted_out:
        yield "this person has opted out of scoring and is compared with nobody"
    elif found.by == "cluster" and found.cluster is None:
        yield "this person has no interests and is in no audience cluster yet"
    else:
        what = "interests" if found.by == "interests" else f"habits, in cluster {found.cluster}"
        yield f"by {what}, among a sample of {found.sample:,} people"
        if not found.people:
            yield "nobody of them is like this person"


def table(found: Similar) -> Table:
    """One row a person."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("similarity", "identities", "cluster", "in common"):
        shown.add_column(title, overflow="fold")
    for one in found.people:
        names = ", ".join(i.decode("utf-8", "backslashreplace") for i in one.identities)
        cluster = "" if one.cluster is None else str(one.cluster)
        shown.add_row(f"{one.similarity:.2f}", names, cluster, ", ".join(one.in_common))
    return shown
