"""`afflux topics`: make and show the topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from launcher.compose import stream_settings
from launcher.connect import with_kafka
from launcher.console import out, plain, print_json
from launcher.declared import declared_or_built_in
from launcher.errors import LauncherError

if TYPE_CHECKING:
    from streams.admin import Admin
    from streams.topics import Topic

topics = typer.Typer(help="Make and show the topics.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON value on one line.")]


@topics.command()
def create(
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Partitions of the input topics [AFFLUX_PARTITIONS].")
    ] = None,
) -> None:
    """Create the topics that are missing, with the policies that Afflux expects.

    The number of partitions is fixed at installation: shards are counted by it.
    """
    from streams.dataset_topics import all_topics

    settings = with_kafka()
    admin = _admin(stream_settings(settings), settings.kafka.timeout_s)
    wanted = partitions or settings.partitions
    known = all_topics(declared_or_built_in(settings))
    made = admin.create(wanted, known, replicas=settings.kafka.replication)
    for name in made:
        plain(f"created {name}")
    _check_partitions(admin, wanted)
    if not made:
        plain("all topics were there already")


@topics.command()
def describe(as_json: Json = False) -> None:
    """Show every topic: partitions, records, policy, who writes and who reads it."""
    settings = with_kafka()
    from streams.dataset_topics import all_topics

    topics = all_topics(declared_or_built_in(settings))
    rows = described(_admin(stream_settings(settings), settings.kafka.timeout_s), topics)
    if as_json:
        print_json(rows)
        return
    table = Table(
        "topic", "partitions", "records", "policy", "key", "writers", "readers",
        box=None, header_style="bold", pad_edge=False,
    )  # fmt: skip
    for row in rows:
        count = "missing" if row["partitions"] is None else str(row["partitions"])
        records = "" if row["records"] is None else f"{row['records']:,}"
        table.add_row(
            row["topic"], count, records, row["policy"], row["key"], row["writers"], row["readers"]
        )
    out().print(table)


def _check_partitions(admin: Admin, wanted: int) -> None:
    from streams.topics import INPUT_TOPICS

    for name, state in admin.describe([t.name for t in INPUT_TOPICS]).items():
        if state.partitions != wanted:
            raise LauncherError(
                f"{name} is there with {state.partitions} partitions, not {wanted}",
                hint=f"the number is fixed at installation: set AFFLUX_PARTITIONS="
                f"{state.partitions}, or begin with new topics and an empty Redis",
            )


def described(admin: Admin, topics: Sequence[Topic]) -> list[dict[str, Any]]:
    """A row for every topic; `partitions` None where it is missing.

    records: between the start and the end of the log, also what compaction took away.
    """
    found = admin.describe([t.name for t in topics], configs=True)
    counts: dict[str, int] = dict.fromkeys(found, 0)
    for (name, _), log in admin.log_ranges(found).items():
        counts[name] += log.end - log.start
    return [
        {
            "topic": topic.name,
            "partitions": found[topic.name].partitions if topic.name in found else None,
            "replicas": found[topic.name].replicas if topic.name in found else None,
            "records": counts.get(topic.name),
            "policy": topic.cleanup,
            "configs": found[topic.name].configs if topic.name in found else {},
            "key": topic.key,
            "values": list(topic.values),
            "writers": topic.writers,
            "readers": topic.readers,
        }
        for topic in topics
    ]


def _admin(settings: Any, timeout: float) -> Admin:
    from streams.admin import Admin

    return Admin(settings, timeout)
