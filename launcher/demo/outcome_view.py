"""The end of a demo on the screen: a table, the dead letters, one profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from launcher.commands.dlq import letters_table
from launcher.demo.result import Quality, Result
from launcher.profile_view import panel
from profile_store.profile import Profile
from streams.dead_letter_codec import DeadLetter

_LETTERS = 15


def show(
    console: Console,
    result: Result,
    qualities: Mapping[str, Quality],
    letters: Sequence[DeadLetter],
    profile: Profile | None,
) -> None:
    """Everything, in the order in which a person wants to know it."""
    console.print()
    console.print(_table(result, qualities))
    console.print()
    console.print(f"[bold]dead letters[/]: {len(letters)} broken records, each with its reason")
    console.print(letters_table(letters[:_LETTERS]))
    if profile is not None:
        console.print()
        console.print(panel(profile))


def _table(result: Result, qualities: Mapping[str, Quality]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    rejected = sum(result.rejected.values())
    kept = f"{result.accepted:,} accepted + {rejected} rejected + {result.duplicates} duplicates"
    table.add_row("records in", f"{result.events_in:,} = {kept}")
    table.add_row("profiles", f"{result.profiles:,}")
    cpu = f"{result.worker_cpu_us_per_event:.0f} µs of worker CPU each, learner included"
    table.add_row("speed", f"{result.events_per_s:,.0f} events/s ({result.seconds:.1f} s), {cpu}")
    table.add_row("worker memory", f"{result.worker_rss_mb:,.0f} MB at most")
    fresh = result.freshness_ms
    if fresh.get("p50") is not None:
        said = f"{fresh['p50']} ms median, {fresh['p95']} ms at 95 %, {fresh['p99']} ms at 99 %"
        table.add_row("freshness", f"{said} (produced to score readable in Redis, paced phase)")
    for name, quality in qualities.items():
        table.add_row(f"model {name}", _words(quality))
    return table


def _words(quality: Quality) -> str:
    parts = [f"{quality.examples:,} examples"]
    if quality.auc is not None:
        parts.append(f"AUC {quality.auc:.3f}")
    if quality.mae is not None:
        beside = "" if quality.baseline is None else f" (a constant: {quality.baseline:.2f})"
        parts.append(f"mean error {quality.mae:.2f}{beside}")
    if quality.ece is not None:
        parts.append(f"calibration error {quality.ece:.3f}")
    parts.append(f"over the last {quality.window:,}")
    return ", ".join([*parts, "trusted" if quality.trusted else "not trusted yet"])
