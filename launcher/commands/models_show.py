"""`afflux models show`: what the models are, and how good they have been."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.chosen_models import chosen_models
from launcher.compose import redis_options
from launcher.connect import with_redis
from launcher.console import out, print_json
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.model_report import Known
    from launcher.settings import Settings

models = typer.Typer(help="Look at the models.", no_args_is_help=True)


@models.command()
def show(
    model: Annotated[list[str] | None, typer.Argument(help="Only these; all if none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a model.")] = False,
) -> None:
    """Show the current snapshot of each model and its progressive figures.

    Every figure is of what was served, judged before it was learned, beside that of a constant.
    """
    settings = with_redis()
    found = asyncio.run(_read(settings))
    names = [known.spec.name for known in found]
    for name in model or ():
        if name not in names:
            raise LauncherError(f"there is no model {name}", hint=f"models: {', '.join(names)}")
    wanted = [known for known in found if not model or known.spec.name in model]
    if as_json:
        for known in wanted:
            print_json(known.as_json())
        return
    from launcher.model_report import overview

    out().print(overview(wanted))


async def _read(settings: Settings) -> list[Known]:
    from afflux.shards import shards_for
    from launcher.model_report import Known
    from models.snapshot import SnapshotError, decode
    from profile_store.redis_store import RedisShardStore

    specs = [model.spec for model in chosen_models(settings)]
    store = RedisShardStore(redis_options(settings), shards_for(settings.partitions))
    try:
        versions = await store.current_snapshots([spec.name for spec in specs])
        found = []
        for spec, version in zip(specs, versions, strict=True):
            data = None if version is None else await store.snapshot(spec.name, version)
            snapshot = None if data is None else decode(data)
            found.append(Known(spec, int(version or "0", 16), snapshot))
        return found
    except SnapshotError as error:
        raise LauncherError(str(error)) from error
    finally:
        await store.close()
