"""`afflux doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer

from launcher.connect import complete
from launcher.console import out, print_json
from launcher.doctor.finding import Finding, bad, good
from launcher.settings import Settings, load

_MARK = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[bold red]✗[/]"}
UNHEALTHY = 1


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on one line.")] = False,
) -> None:
    """Check that everything is reachable and as Afflux expects it.

    Settings, Kafka and its topics, schemas and registry, Redis, and whether its positions belong
    to these logs. Exit code 1 where something must be put right.
    """
    findings = list(examine(complete(load())))
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(UNHEALTHY)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings."""
    from launcher.doctor.contracts import check_contracts, check_registry

    yield from _secret(settings)
    yield from check_contracts()
    yield from check_registry(settings.registry)
    yield from _servers(settings)


def _secret(settings: Settings) -> Iterator[Finding]:
    if settings.secret.get_secret_value():
        yield good("secret", "control records are signed")
    else:
        yield bad(
            "secret", "AFFLUX_SECRET is not set: no control record can be signed or accepted",
            "set the same value for every worker and tool",
        )  # fmt: skip


def _servers(settings: Settings) -> Iterator[Finding]:
    from launcher.compose import redis_options, stream_settings
    from launcher.declared import declared_or_built_in
    from launcher.doctor.kafka import check_kafka
    from launcher.doctor.store import check_store
    from streams.admin import Admin
    from streams.errors import BrokerUnavailable
    from streams.ports import TP, LogRange

    logs: dict[TP, LogRange] = {}
    datasets = declared_or_built_in(settings)
    start = "start everything with `afflux up`, or set "
    if not settings.kafka.bootstrap:
        yield bad("kafka", "no address is known", start + "AFFLUX_KAFKA_BOOTSTRAP")
    else:
        admin = Admin(stream_settings(settings), settings.kafka.timeout_s)
        brokers = settings.kafka.bootstrap
        findings = list(check_kafka(admin, settings.partitions, brokers, datasets))
        yield from findings
        if all(finding.state != "bad" for finding in findings):
            try:
                logs = admin.log_ranges([one.topic for one in datasets.by_number])
            except BrokerUnavailable as error:
                yield bad("kafka", str(error))
    if not settings.redis.url.get_secret_value():
        yield bad("redis", "no address is known", start + "AFFLUX_REDIS_URL")
    else:
        options = redis_options(settings)
        yield from asyncio.run(check_store(options, settings.partitions, logs, datasets))


def _print(finding: Finding) -> None:
    line = f"{_MARK[finding.state]} {finding.what:<9} "
    out().print(line, end="")
    out().print(finding.message, markup=False, soft_wrap=True)
    if finding.hint:
        out().print(f"{'':<12}{finding.hint}", style="dim", markup=False, soft_wrap=True)
