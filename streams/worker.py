"""A worker process: an app per plane, kept running until a signal or a StopPartition.

Exit codes: 0 after a signal, 3 when a partition must not go on, 1 after too many failures.
While the broker is away the worker says so once, waits and goes on by itself.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa

from streams.admin import Admin
from streams.app import ShellApp, create_app
from streams.backoff import Backoff
from streams.errors import BrokerUnavailable, TopicsUnfit
from streams.garbage import collected_now_and_then
from streams.logs import quiet_libraries
from streams.metrics import Metrics
from streams.ports import Plane, StopPartition, TopicsChanged
from streams.settings import StreamSettings

log = logging.getLogger("afflux.worker")

CLEAN, FAILED, STOPPED = 0, 1, 3
_STOP_SECONDS = 20.0
_ASK_SECONDS = 5.0
"""So soon a worker says that there is no broker, and asks again."""


def run(coroutine: Coroutine[Any, Any, int]) -> int:
    """`asyncio.run` on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coroutine)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def run_worker(
    settings: StreamSettings,
    planes: Mapping[str, Plane],
    *,
    metrics: Metrics | None = None,
    stop: asyncio.Event | None = None,
    signals: bool = True,
) -> int:
    """Run these planes ("enrich", "learn", or one of them) until told to stop.

    stop: set it to end the worker; SIGTERM and SIGINT do it too, unless `signals` is False.
    The planes are closed at the end. Returns the exit code.
    """
    quiet_libraries("debug" if log.isEnabledFor(logging.DEBUG) else "info")
    pa.array([""])  # the first array imports pandas, where it is installed: not in a batch's time
    stop = stop or asyncio.Event()
    if signals:
        _on_signals(stop)
    metrics = metrics or Metrics()
    if settings.metrics_port is not None:
        metrics.expose(settings.metrics_port, settings.metrics_host)
    admin = Admin(settings, timeout=_ASK_SECONDS)
    keepers = [
        Keeper(settings, name, plane, metrics, admin, stop).keep() for name, plane in planes.items()
    ]
    async with collected_now_and_then():
        codes = await asyncio.gather(*keepers)
    for plane in planes.values():
        await plane.close()
    return max(codes)


class Keeper:
    """Keeps the app of one plane running: builds another one when Faust or aiokafka give up."""

    def __init__(
        self,
        settings: StreamSettings,
        name: str,
        plane: Plane,
        metrics: Metrics,
        admin: Admin,
        stop: asyncio.Event,
    ) -> None:
        self._settings, self._name, self._plane = settings, name, plane
        self._metrics, self._admin, self._stop = metrics, admin, stop
        self._pause = Backoff(settings.backoff_ms / 1000, settings.max_backoff_ms / 1000)

    async def keep(self) -> int:
        """Until the end of the worker; its exit code, as far as this plane is concerned."""
        while not self._stop.is_set():
            if not await self._broker_is_there():
                break
            app = create_app(self._settings, self._name, self._plane, self._metrics, self._admin)
            try:
                await self._run(app)
            except TopicsChanged as reason:
                log.info("%s starts another consumer: %s", self._name, reason)
            except StopPartition as reason:
                log.error("%s stopped: %s", self._name, reason)
                self._stop.set()
                return STOPPED
            except Exception as reason:
                if app.lanes.halted.done():
                    log.error("%s stopped: %s", self._name, reason)
                    self._stop.set()
                    return FAILED
                log.warning("%s lost its consumer (%r); starting another", self._name, reason)
                log.debug("because of", exc_info=reason)
                await self._wait(self._pause.next())
        return CLEAN

    async def _broker_is_there(self) -> bool:
        """Wait for the broker and for fit topics; False when the worker is to stop."""
        pause = Backoff(self._settings.backoff_ms / 1000, self._settings.max_backoff_ms / 1000)
        said = ""
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(check_topics, self._admin, self._plane.topics)
            except (BrokerUnavailable, TopicsUnfit) as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("%s waits: %s", self._name, error)
                await self._wait(pause.next())
            else:
                if said:
                    log.info("%s goes on: Kafka is there", self._name)
                return True
        return False

    async def _run(self, app: ShellApp) -> None:
        """Returns after a clean stop; raises why it ended otherwise."""
        running: asyncio.Future[None] = asyncio.create_task(_run_app(app))
        stopping: asyncio.Future[Any] = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait(
                [running, stopping, app.lanes.halted], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
            await app.lanes.close()
            await _stop_app(app, running)
        if app.lanes.halted.done():
            app.lanes.halted.result()
        if not self._stop.is_set():
            raise app.crash_reason or _error_of(running) or RuntimeError("the consumer ended")

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


def check_topics(admin: Admin, topics: Any) -> int:
    """The number of partitions that these topics share.

    Raises TopicsUnfit when some are missing or differ, BrokerUnavailable.
    """
    states = admin.describe(topics)
    missing = [name for name in topics if name not in states]
    if missing:
        raise TopicsUnfit(f"no topic {', '.join(missing)}; `afflux topics create` makes them")
    counts = {name: states[name].partitions for name in topics}
    if len(set(counts.values())) != 1:
        listed = ", ".join(f"{name} has {n} partitions" for name, n in counts.items())
        raise TopicsUnfit(f"these topics must be partitioned alike: {listed}")
    return next(iter(counts.values()))


async def _run_app(app: ShellApp) -> None:
    await app.start()
    await app.wait_until_stopped()


async def _stop_app(app: ShellApp, running: asyncio.Future[None]) -> None:
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await app.stop()
    except Exception as error:
        log.debug("stopping the app of %s: %r", app.lanes.name, error)
    running.cancel()
    await asyncio.wait({running}, timeout=1)


def _error_of(done: asyncio.Future[None]) -> BaseException | None:
    return done.exception() if done.done() and not done.cancelled() else None


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # not on Windows
            loop.add_signal_handler(number, stop.set)
