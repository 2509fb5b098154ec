"""`afflux up`: everything on this machine, until it is told to stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from launcher.compose import stream_settings
from launcher.connect import complete
from launcher.console import plain, say
from launcher.interrupts import orderly_end
from launcher.settings import Settings, load
from launcher.stack import Kind, Stack
from launcher.worker_process import WorkerProcess, stack_environment

_LOOK_S = 0.2


def up(
    kafka: Annotated[
        bool, typer.Option("--kafka", help="A real Apache Kafka, whose data stays in the folder.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes.")] = 1,
    kafka_port: Annotated[
        int | None, typer.Option(help="Port of the broker; else a free one.")
    ] = None,
    redis_port: Annotated[int | None, typer.Option(help="Port of Redis; else a free one.")] = None,
    api: Annotated[bool, typer.Option("--api", help="The HTTP API too, see `afflux api`.")] = False,
) -> None:
    """Start a broker, Redis, the topics and a worker, and stay until Ctrl-C.

    Other `afflux` commands in this folder find them by themselves. The embedded broker and its
    Redis keep nothing; with --kafka both keep their data in the data folder.
    """
    settings = load()
    kind: Kind = "kafka" if kafka else "embedded"
    stack = Stack(
        settings.data_dir, kind, partitions=settings.partitions, keep_data=True,
        kafka_port=kafka_port, redis_port=redis_port,
    )  # fmt: skip
    with orderly_end(), stack:
        create_topics(stack)
        logs = stack.folder / "logs"
        logs.mkdir(exist_ok=True)
        running = [_worker(stack, logs, number) for number in range(workers)]
        try:
            _tell(stack, running)
            if api:
                running.append(_api(stack, logs, settings))
            while True:
                for worker in running:
                    worker.check()
                time.sleep(_LOOK_S)
        except KeyboardInterrupt:
            say("stopping")
        finally:
            for worker in running:
                worker.stop()


def create_topics(stack: Stack) -> None:
    """All topics on the stack's broker."""
    from streams.admin import Admin

    settings = load(data_dir=stack.folder, kafka={"bootstrap": stack.running.bootstrap})
    Admin(stream_settings(complete(settings)), settings.kafka.timeout_s).create(stack.partitions)


def _worker(stack: Stack, logs: Path, number: int) -> WorkerProcess:
    return WorkerProcess(stack_environment(stack), logs / f"worker-{number}.log")


def _api(stack: Stack, logs: Path, settings: Settings) -> WorkerProcess:
    process = WorkerProcess(stack_environment(stack), logs / "api.log", "api")
    gateway = settings.gateway
    plain(f"api     http://{gateway.host}:{gateway.port}, log {process.log}")
    return process


def _tell(stack: Stack, workers: list[WorkerProcess]) -> None:
    kind = "Apache Kafka" if stack.kind == "kafka" else "embedded broker, in memory"
    plain(f"kafka   {stack.running.bootstrap} ({kind}, {stack.partitions} partitions)")
    plain(f"redis   {stack.running.redis_url}")
    for worker in workers:
        plain(f"worker  process {worker.pid}, log {worker.log}")
    plain(f"data    {stack.folder}")
    say("Ctrl-C stops all of it. Try: afflux produce FILE.jsonl, afflux watch scores")
