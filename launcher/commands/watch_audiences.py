"""`afflux watch audiences`: a subscriber of audience-updates."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

import typer

from launcher.compose import stream_settings
from launcher.connect import with_kafka
from launcher.console import plain, print_json, say
from launcher.errors import LauncherError
from launcher.interrupts import orderly_end
from launcher.profile_view import moment

_WAIT_S = 0.05


def audiences(
    profile: Annotated[
        str | None, typer.Option(help="Only this person: any identity, as namespace:id.")
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="Only changes of this audience; repeatable.")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with what the topic still has.")
    ] = False,
    count: Annotated[int, typer.Option(min=0, help="End after so many updates; 0: never.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="End after so long; 0: never.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print who comes into audiences and who leaves, until Ctrl-C. What is older is dropped."""
    if profile is not None and not all(profile.partition(":")):
        raise LauncherError(
            f"{profile!r} is no identity", hint="it is namespace:id, such as email:ann@example.com"
        )
    settings = with_kafka()
    from streams.consume import TopicReader
    from streams.newest import Newest
    from streams.topics import AUDIENCE_UPDATES
    from streams.updates import decode

    start: Literal["beginning", "end"] = "beginning" if from_start else "end"
    reader = TopicReader(stream_settings(settings), [AUDIENCE_UPDATES.name], start)
    newest, left, end = Newest(), count, time.monotonic() + seconds
    with orderly_end(), reader, suppress(KeyboardInterrupt):
        say("watching audience-updates")
        while not seconds or time.monotonic() < end:
            values = [r.value for r in reader.read(_WAIT_S) if r.value is not None]
            for update in (decode("AudienceUpdate", value) for value in values):
                if not newest.is_new(update) or not wanted(update, profile, audience or ()):
                    continue
                if as_json:
                    print_json(update)
                else:
                    for line in lines(update):
                        plain(line)
                left -= 1
                if not left:
                    return


def wanted(update: Mapping[str, Any], profile: str | None, names: list[str] | tuple[()]) -> bool:
    """Whether an update is of this person and has an entry or exit of one of these audiences."""
    if profile is not None and profile not in (update["identity"], *update["identities"]):
        return False
    return not names or not {*update["realized"], *update["exited"]}.isdisjoint(names)


def lines(update: Mapping[str, Any]) -> Iterator[str]:
    """The update for a person.

    >>> one = {"identity": "crm:1", "eventTime": 0, "realized": ["gold"], "exited": [],
    ...        "memberships": [{"audience": "gold", "since": 0}]}
    >>> list(lines(one))
    ['crm:1  into gold  1 January 1970 00:00; now in gold']
    """
    changes = [
        *(f"into {name}" for name in update["realized"]),
        *(f"out of {name}" for name in update["exited"]),
    ]
    inside = ", ".join(m["audience"] for m in update["memberships"]) or "none"
    what = ", ".join(changes) or "no change"
    yield f"{update['identity']}  {what}  {moment(update['eventTime'])}; now in {inside}"
