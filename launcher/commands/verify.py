"""`afflux verify`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.connect import connected
from launcher.console import out, plain, print_json, say
from launcher.settings import Settings

if TYPE_CHECKING:
    from streams.verify.findings import Difference, Report

DIFFERENT = 1
_TOLD = 20
_SAY_EVERY_S = 5.0


def verify(
    sample: Annotated[
        int, typer.Option(min=0, help="How many identities, chosen by their hash; 0: all.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Another seed chooses others.")] = 0,
    identity: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="NAMESPACE ID", help="Only this one."),
    ] = None,
    partition: Annotated[
        list[int] | None, typer.Option(help="Only these partitions; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Is what is served what the log says? Folds the log again, one record at a time, and compares.

    Rows, links, interests and deadlines, at the very position that each shard has. A row whose
    first record is no longer in the log cannot be checked, and is counted. Reads the log of each
    partition from its start; workers may run meanwhile. Exit code 1 when something differs.
    """
    settings = connected()
    report = asyncio.run(_verify(settings, sample, seed, identity, partition))
    if as_json:
        print_json(_json(report, seed))
    else:
        _print(report)
    if report.differences:
        raise typer.Exit(DIFFERENT)


async def _verify(
    settings: Settings,
    most: int,
    seed: int,
    identity: tuple[str, str] | None,
    only: list[int] | None,
) -> Report:
    from afflux.catalog import Catalog
    from afflux.shards import shards_for
    from launcher.chosen_models import chosen_models
    from launcher.compose import redis_options
    from launcher.verifying import Verifier
    from profile_store.reader import identity_of
    from profile_store.redis_store import RedisShardStore
    from streams.verify.findings import Report
    from streams.verify.people import by_name, choose

    catalog = Catalog([model.spec for model in chosen_models(settings)])
    partitions = _partitions(settings, only)
    store = RedisShardStore(redis_options(settings), shards_for(settings.partitions))
    report = Report()
    try:
        verifier = Verifier(settings, catalog, store)
        rules = await verifier.rules()
        shards = verifier.shards(partitions)
        if identity is not None:
            people, chosen = by_name([identity_of(*identity)], rules.settings.shards)
            partitions = [s % settings.partitions for s in people]
        else:
            people, chosen = await choose(verifier.shelf, shards, most, seed, _progress("people"))
        for number in partitions:
            counted = _progress(f"records of partition {number}")
            read = _adding(counted)
            report.add(await asyncio.to_thread(verifier.check, number, rules, chosen, people, read))
    finally:
        await store.close()
    return report


def _partitions(settings: Settings, only: list[int] | None) -> list[int]:
    every = range(settings.partitions)
    wrong = [p for p in only or () if p not in every]
    if wrong:
        raise typer.BadParameter(f"there are partitions 0 to {every[-1]}, not {wrong[0]}")
    return sorted(set(only)) if only else list(every)


def _progress(what: str) -> Callable[[int], None]:
    """Says on stderr how far a long work is, every few seconds."""
    last = monotonic()

    def tell(count: int) -> None:
        nonlocal last
        if monotonic() - last > _SAY_EVERY_S:
            last = monotonic()
            say(f"{count:,} {what} read")

    return tell


def _adding(tell: Callable[[int], None]) -> Callable[[int], None]:
    total = 0

    def add(count: int) -> None:
        nonlocal total
        total += count
        tell(total)

    return add


def _print(report: Report) -> None:
    for difference in report.differences[:_TOLD]:
        _print_one(difference)
    if report.mismatched > _TOLD:
        plain(f"... and {report.mismatched - _TOLD:,} more")
    mark = "[bold red]✗[/]" if report.differences else "[green]✓[/]"
    out().print(
        f"{mark} {report.checked:,} identities checked against {report.records:,} records, "
        f"{report.mismatched:,} differ"
    )
    if report.uncheckable:
        plain(f"  {report.uncheckable:,} not checkable: first record no longer in the log")
    if report.unsettled:
        plain(f"  {report.unsettled:,} not checked: their shards did not come to rest")


def _print_one(one: Difference) -> None:
    name = one.identity.decode(errors="replace")
    plain(f"{name}  (shard {one.shard}, partition {one.partition}, at offset {one.offset})")
    for field in one.fields:
        plain(f"    {field.field}: stored {field.stored}, the log says {field.expected}")


def _json(report: Report, seed: int) -> dict[str, Any]:
    return {
        "checked": report.checked,
        "mismatched": report.mismatched,
        "not_checkable": report.uncheckable,
        "unsettled": report.unsettled,
        "records": report.records,
        "seed": seed,
        "differences": [
            {
                "identity": d.identity.decode(errors="replace"),
                "partition": d.partition,
                "shard": d.shard,
                "offset": d.offset,
                "fields": [
                    {"field": f.field, "stored": f.stored, "expected": f.expected} for f in d.fields
                ],
            }
            for d in report.differences
        ],
    }
