"""Are the contracts whole, additive, and is the registry there?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import schemas
from launcher.doctor.finding import Finding, bad, good
from launcher.setting_groups import RegistrySettings
from schemas.evolution import problems


def check_contracts() -> Iterator[Finding]:
    """Findings about the schemas of this installation."""
    broken = []
    for name in schemas.NAMES:
        versions = schemas.versions(name)
        for older, newer in pairwise(versions):
            broken += [f"{name}{p.path}: {p.message}" for p in problems(older.json, newer.json)]
    if broken:
        yield bad("schemas", broken[0], "install Afflux again")
    else:
        released = len(schemas.releases())
        yield good("schemas", f"{len(schemas.NAMES)} contracts, {released} released before")


def check_registry(settings: RegistrySettings) -> Iterator[Finding]:
    """Findings about the schema registry, where one is set."""
    from afflux.names import AffluxError
    from launcher.compose import registry_of

    try:
        registry = registry_of(settings)
        if registry is None:
            return
        # Any id does: that there is no such schema is an answer too.
        registry.schema(1)
    except AffluxError as error:
        yield bad("registry", str(error), "is AFFLUX_REGISTRY_URL right?")
    else:
        yield good("registry", settings.url)
