"""A page of a timeline as a person wants to read it: a line an event."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from launcher.profile_view import moment
from profile_store.timelines import TimelineEvent, TimelinePage


def table(page: TimelinePage) -> Table:
    """When, what, how much, about what, of which identity."""
    shown = Table(box=None, pad_edge=False)
    for column in ("when", "what", "how much", "about", "identity"):
        shown.add_column(column, justify="right" if column == "how much" else "left")
    for event in page.events:
        shown.add_row(
            moment(event.event_time),
            event.event_type or "event",
            ", ".join(amounts(event)),
            ", ".join(thing for _, thing in event.about),
            event.identity.decode("utf-8", "backslashreplace"),
        )
    return shown


def amounts(event: TimelineEvent) -> Iterator[str]:
    """Money and items, where there are any."""
    if event.amount:
        yield f"{event.amount:,.2f}"
    if event.quantity:
        yield f"{event.quantity:,.0f} item" + ("" if event.quantity == 1 else "s")
