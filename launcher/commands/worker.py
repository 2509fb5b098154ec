"""`afflux worker`: one worker process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.compose import secret_of, stream_settings
from launcher.connect import connected
from launcher.setting_groups import Planes
from launcher.settings import Settings

if TYPE_CHECKING:
    from launcher.planes import Parts
    from streams.metrics import Metrics
    from streams.ports import Plane
    from streams.settings import StreamSettings

log = logging.getLogger("afflux.worker")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


def worker(
    planes: Annotated[
        Planes | None, typer.Option(help="What it does [AFFLUX_WORKER_PLANES].")
    ] = None,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C: fold events, score them, learn, or a part of that.

    Where Kafka or Redis are away it waits and goes on by itself. Exit codes: 0 after a signal, 1
    after too many failures, 3 when a partition must not go on, with the commands that resolve it.
    """
    settings = connected()
    if planes is not None:
        chosen = settings.worker.model_copy(update={"planes": planes.value})
        settings = settings.model_copy(update={"worker": chosen})
    secret_of(settings)
    streams = stream_settings(settings, client_id="afflux-worker")
    _log_to_stderr(settings.worker.log_level)
    from streams.worker import run

    raise typer.Exit(run(_work(settings, streams)))


async def _work(settings: Settings, streams: StreamSettings) -> int:
    from launcher.planes import build
    from streams.metrics import Metrics
    from streams.worker import run_worker

    metrics, stop = Metrics(), asyncio.Event()
    on_signals(stop)
    parts = build(settings, streams, metrics)
    try:
        if not await _set_up(parts, settings.partitions, stop):
            return 0
        async with _verified(settings, parts, metrics) as planes:
            return await run_worker(streams, planes, metrics=metrics, stop=stop, signals=False)
    finally:
        await parts.close()


@asynccontextmanager
async def _verified(
    settings: Settings, parts: Parts, metrics: Metrics
) -> AsyncIterator[Mapping[str, Plane]]:
    """The planes; where it is asked for, what the enrich plane serves is looked at beside them."""
    rate = settings.verify.records_per_s
    if not rate or "enrich" not in parts.planes:
        yield parts.planes
        return
    from launcher.verifying import Verifier
    from streams.verify.background import BackgroundCheck, Owner

    owner = Owner(parts.planes["enrich"])
    verifier = Verifier(settings, parts.catalog, parts.store)
    background = BackgroundCheck(owner, verifier.check_some, rate, metrics)
    running = asyncio.create_task(background.run())
    try:
        yield {**parts.planes, "enrich": owner}
    finally:
        background.end()
        await running


async def _set_up(parts: Parts, partitions: int, stop: asyncio.Event) -> bool:
    """Describe the installation in Redis, once it is there. False when told to stop before."""
    from profile_store import StoreUnavailable

    pause = _FIRST_PAUSE_S
    while not stop.is_set():
        try:
            await parts.set_up(partitions)
        except StoreUnavailable as error:
            if pause == _FIRST_PAUSE_S:
                log.warning("waiting: %s", error)
            await _sleep(stop, pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        else:
            return True
    return False


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT set the event."""
    import contextlib
    import signal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # not on Windows
            loop.add_signal_handler(number, stop.set)


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("afflux").setLevel(level.upper())
