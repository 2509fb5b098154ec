"""The demo from beginning to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console

from launcher.commands.up import create_topics
from launcher.connect import complete
from launcher.data.avro import encode
from launcher.data.choose import choose
from launcher.data.names import Name
from launcher.data.replay import build
from launcher.data.shape import DataSet
from launcher.demo.result import Result
from launcher.demo.session import Session
from launcher.settings import Settings, load
from launcher.stack import Kind, Stack
from launcher.worker_process import WorkerProcess, stack_environment

_HORIZON_MARGIN_DAYS = 366
_DAY_MS = 86_400_000

_LARGEST_LAG = 4000


@dataclass(frozen=True)
class Options:
    """As given on the command line."""

    data: Name
    events: int | None = None
    speed: float | None = None
    keep: bool = False
    kafka: bool = False


async def run(options: Options, console: Console, tell: Callable[[Result], None]) -> None:
    """Run it all and tell the result. With `keep` it goes on until it is interrupted.

    Raises LauncherError, and AffluxErrors of the rooms below.
    """
    data, why_other = await asyncio.to_thread(choose, options.data, options.events)
    _introduce(console, data, why_other)
    settings = load()
    kind: Kind = "kafka" if options.kafka else "embedded"
    with ExitStack() as ends:
        stack = Stack(settings.data_dir, kind, partitions=settings.partitions)
        ends.callback(stack.stop)
        with console.status(f"starting {_name(kind)} and Redis"):
            # The kernel ties children to the thread that starts them: this one.
            stack.start()
            await asyncio.to_thread(create_topics, stack)
        now = round(time.time() * 1000)
        replay = await asyncio.to_thread(build, data, encode(data), stack.partitions, now)
        ours = complete(load(data_dir=stack.folder))
        worker = _worker(stack, ours, replay.items[0].at, now, replay.events)
        ends.callback(worker.stop)
        async with Session(ours, stack, worker, replay, data, console) as session:
            tell(await session.run(options.speed))
            if options.keep:
                await session.stay()


def _introduce(console: Console, data: DataSet, why_other: str) -> None:
    if why_other:
        console.print(f"[yellow]not the wanted data:[/] {why_other}", soft_wrap=True)
    console.print(f"[bold]{data.title}[/]: {data.events.num_rows:,} events")
    console.print(f"({data.note})", style="dim", markup=False)


def _name(kind: Kind) -> str:
    return "Apache Kafka" if kind == "kafka" else "the embedded broker"


def _worker(stack: Stack, settings: Settings, first: int, now: int, events: int) -> WorkerProcess:
    """A worker that does not refuse the data for being old."""
    logs = stack.folder / "logs"
    logs.mkdir(exist_ok=True)
    old = (now - first) // _DAY_MS + _HORIZON_MARGIN_DAYS
    days = max(settings.limits.horizon_days, old)
    extra = {"AFFLUX_LIMITS_HORIZON_DAYS": str(days)}
    env = {**_learning(events), **stack_environment(stack, extra)}
    return WorkerProcess(env, logs / "worker-demo.log")


def _learning(events: int) -> dict[str, str]:
    """How far scoring may run ahead of learning: a year goes by in seconds.

    >>> _learning(3000)["AFFLUX_LEARN_MAX_BEHIND"], _learning(10**6)["AFFLUX_LEARN_MAX_BEHIND"]
    ('150', '4000')
    """
    behind = min(_LARGEST_LAG, max(100, events // 20))
    return {
        "AFFLUX_LEARN_MAX_BEHIND": str(behind),
        "AFFLUX_LEARN_PUBLISH_EXAMPLES": str(behind // 2),
        "AFFLUX_LEARN_PUBLISH_S": "1",
    }
