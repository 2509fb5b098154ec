"""`afflux policies`: by which rules what is stored becomes a profile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afflux.merge_policy import POLICIES, MergePolicy
from afflux.names import Dataset
from launcher.compose import redis_options
from launcher.connect import with_redis
from launcher.console import out, plain, print_json

if TYPE_CHECKING:
    from profile_store.dataset_definitions import Datasets

policies = typer.Typer(
    help="Merge policies: whose identities belong together, which of two values counts.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the policy.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


class Stitch(StrEnum):
    """Which identities are read."""

    graph = "graph"
    none = "none"


class By(StrEnum):
    """Which of two values of one attribute counts."""

    time = "timestampOrdered"
    precedence = "dataSetPrecedence"


@policies.command("list")
def list_policies(as_json: Json = False) -> None:
    """All merge policies, and which one is the default."""
    found, _ = _change(lambda datasets: datasets)
    rows = [_as_dict(found, name) for name in found.policies]
    if as_json:
        for row in rows:
            print_json(row)
        return
    from rich.table import Table

    table = Table("policy", "stitching", "attributes", "order", "", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row["name"], row["stitching"], row["attributes"], ", ".join(row["order"]),
            "default" if row["default"] else "",
        )  # fmt: skip
    out().print(table)


@policies.command()
def create(
    name: Name,
    stitching: Annotated[
        Stitch, typer.Option(help="`graph` follows links of identities, `none` does not.")
    ] = Stitch.graph,
    attributes: Annotated[
        By, typer.Option(help="Of two values of one attribute the later one counts, or by rank.")
    ] = By.time,
    order: Annotated[
        str,
        typer.Option(
            metavar="DATASET,...",
            help="For dataSetPrecedence: the data sets that rank highest, the first one on top; "
            "the others follow by their own precedence.",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Declare a merge policy, new or changed; readers know it within a second."""
    listed = tuple(Dataset(part.strip()) for part in order.split(",") if part.strip())
    wanted = MergePolicy(stitching.value, attributes.value, listed)
    found, changed = _change(lambda datasets: datasets.with_policy(name, wanted))
    _told(found, name, changed, as_json, "declared")


@policies.command()
def default(name: Name, as_json: Json = False) -> None:
    """Make a policy the default: readers that name none, and audiences, go by it.

    Profiles change with the next read; members of audiences are asked when something happens to
    them. Workers score whole profiles, whatever the default's stitching.
    """
    found, changed = _change(lambda datasets: datasets.with_default(name))
    _told(found, name, changed, as_json, "the default")


@policies.command()
def delete(name: Name, as_json: Json = False) -> None:
    """Remove a policy that is neither built in nor the default."""
    found, _ = _change(lambda datasets: datasets.without_policy(name))
    if as_json:
        print_json({"name": name, "left": list(found.policies)})
    else:
        plain(f"merge policy {name} is deleted")


def _told(found: Datasets, name: str, changed: bool, as_json: bool, what: str) -> None:
    if as_json:
        print_json({**_as_dict(found, name), "changed": changed})
    else:
        plain(f"merge policy {name} {'is now' if changed else 'was already'} {what}")


def _as_dict(found: Datasets, name: str) -> dict[str, Any]:
    policy = found.policies[name]
    return {
        "name": name,
        "stitching": policy.stitching,
        "attributes": policy.attributes,
        "order": list(policy.order),
        "default": name == found.default,
        "built_in": name in POLICIES,
    }


def _change(change: Callable[[Datasets], Datasets]) -> tuple[Datasets, bool]:
    async def work() -> tuple[Datasets, bool]:
        from launcher.dataset_desk import DatasetDesk

        async with DatasetDesk(redis_options(with_redis())) as desk:
            return await desk.change(change)

    return asyncio.run(work())
