"""`afflux clusters`: the audience clusters, how large they are and how stable."""

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


def clusters(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the audience clusters: id, about how many people, what they have in common.

    An id keeps its meaning: a cluster that splits or ends leaves its id unused. Stability is the
    adjusted Rand index between consecutive days, 1 where nobody changes.
    """
    found = asyncio.run(_read(with_redis()))
    if as_json:
        print_json(found)
        return
    if not found["clusters"]:
        out().print("no clusters yet: they begin when 200 people have had an example closed")
        return
    out().print(_table(found))
    metrics = found["metrics"]
    said = [
        f"{words} {metrics[name]:.2f}"
        for name, words in (
            ("stability", "stability of the last day"),
            ("mean_stability", "of all days"),
            ("silhouette", "silhouette"),
        )
        if name in metrics
    ]
    out().print(", ".join([*said, f"{found['openings']:,} openings learned"]), style="dim")


def words_of(cluster: int | None) -> str:
    """What the people of a cluster have in common; "" where that is not known."""
    if cluster is None:
        return ""
    known = asyncio.run(_read(with_redis()))["clusters"]
    return next((str(one["description"]) for one in known if one["id"] == cluster), "")


def _table(found: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("cluster", "people", "what they have in common"):
        table.add_column(title, overflow="fold")
    for one in found["clusters"]:
        table.add_row(str(one["id"]), f"{one['people']:,}", one["description"])
    return table


async def _read(settings: Settings) -> dict[str, Any]:
    from afflux.shards import shards_for
    from models.cluster_log import CLUSTERS, decode, described
    from models.envelope import SnapshotError
    from profile_store.redis_store import RedisShardStore

    store = RedisShardStore(redis_options(settings), shards_for(settings.partitions))
    try:
        (version,) = await store.current_snapshots([CLUSTERS])
        data = None if version is None else await store.snapshot(CLUSTERS, version)
        return described(None if data is None else decode(data), data)
    except SnapshotError as error:
        raise LauncherError(str(error)) from error
    finally:
        await store.close()
