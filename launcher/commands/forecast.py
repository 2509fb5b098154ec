"""`afflux forecast`: events and revenue of the next days, and what was unusual."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.compose import redis_options
from launcher.connect import with_redis
from launcher.console import out, print_json
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from rich.table import Table

    from launcher.settings import Settings


def forecast(
    segment: Annotated[
        str | None, typer.Option(help="Only this one, such as all, purchase, new people.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Forecast events and revenue a day by segment, with intervals that hold 9 days in 10.

    Workers count the events as they fold them. A day is closed when event time has passed it by a
    day in every partition. An alarm begins with a day that is outside of an interval that holds 99
    days in 100, and ends with the first day that is as usual.
    """
    found = asyncio.run(_read(with_redis(), None))
    known = list(dict.fromkeys(one["segment"] for one in found["forecasts"]))
    if segment is not None and known and segment not in known:
        raise LauncherError(f"there is no segment {segment}", hint=f"segments: {', '.join(known)}")
    chosen = [f for f in found["forecasts"] if segment in (None, f["segment"])]
    if as_json:
        print_json(found | {"forecasts": chosen})
        return
    if not chosen:
        out().print("no forecasts yet: they begin when two weeks of event time are closed")
        return
    out().print(_table(chosen))
    out().print(f"{found['days']} days until {found['closed_until']}", style="dim")


def _table(forecasts: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("segment", "", "last day", "expected", "next day", "in 7 days", "alarm"):
        table.add_column(title, overflow="fold")
    for one in forecasts:
        last, ahead = one["last"], one["ahead"]
        table.add_row(
            one["segment"],
            one["measure"],
            f"{last['value']:,.0f}",
            _range(last),
            _range(ahead[0]),
            _range(ahead[-1]),
            "yes" if one["alarm"] else f"last on {one['alarms'][-1]}" if one["alarms"] else "no",
        )
    return table


def _range(of: dict[str, float]) -> str:
    return f"{of['expected']:,.0f} ({of['low']:,.0f} to {of['high']:,.0f})"


async def _read(settings: Settings, segment: str | None) -> dict[str, Any]:
    from models.volume_series import described, outlook
    from profile_store import AsyncProfileStore

    async with AsyncProfileStore(redis_options(settings)) as store:
        counts = await store.volumes()
        return described(outlook(counts.sums, counts.open_day), segment)
