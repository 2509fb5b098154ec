"""A profile as a person wants to read it: who, what happened, what is expected and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from afflux.wording import effect
from profile_store.profile import Engagement, Profile, Score
from profile_store.recommendations import Recommendations

_SHOWN = 5
"""Things of a kind that are shown."""

_BUCKET_STYLE = {"low": "green", "medium": "yellow", "high": "red"}


def panel(profile: Profile, cluster: str = "") -> Panel:
    """The whole profile in a frame; cluster: what its audience cluster has in common."""
    names = ", ".join(_text(identity) for identity in profile.identities)
    return Panel(
        Group(*_parts(profile, cluster)),
        title=f"[bold]{names}[/]",
        title_align="left",
        padding=(1, 2),
    )


def lists_table(found: Recommendations) -> Table:
    """What somebody may want next, the best first."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for kind in found.lists:
        made.add_column(kind, overflow="fold")
        made.add_column("", justify="right")
    columns = [list(items) for items in found.lists.values()]
    for rank in range(max(map(len, columns), default=0)):
        row = []
        for items in columns:
            one = items[rank] if rank < len(items) else None
            mark = "" if one is None or one.known or not found.known else " (new)"
            row += ["", ""] if one is None else [f"{one.name}{mark}", f"{100 * one.score:.0f} %"]
        made.add_row(*row)
    return made


def day(ms: int) -> str:
    """A day in words.

    >>> day(1_483_271_606_000)
    '1 January 2017'
    """
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y}"


def moment(ms: int) -> str:
    """A day and time, UTC.

    >>> moment(1_483_271_606_000)
    '1 January 2017 11:53'
    """
    return f"{day(ms)} {datetime.fromtimestamp(ms / 1000, UTC):%H:%M}"


def words(name: str) -> str:
    """A name of our contracts in words.

    >>> words("householdSize"), words("loyalty_tier")
    ('household size', 'loyalty tier')
    """
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in name)
    return spaced.replace("_", " ").strip()


def facts(engagement: Engagement) -> Iterator[str]:
    """What happened, a line each; what never happened has no line."""
    if engagement.first_seen is not None and engagement.last_seen is not None:
        yield f"known since {day(engagement.first_seen)}, last seen {day(engagement.last_seen)}"
    if engagement.purchases:
        last = f", last on {day(engagement.last_purchase)}" if engagement.last_purchase else ""
        mean = engagement.revenue / engagement.purchases
        yield (
            f"{_many(engagement.purchases, 'purchase')} for {engagement.revenue:,.2f} "
            f"({mean:,.2f} each, {_many(round(engagement.items), 'item')}){last}"
        )
    rest = [
        (engagement.views, "view of pages or products", "views of pages or products"),
        (engagement.adds, "time something put into the cart", "times something put into the cart"),
        (engagement.exposures, "campaign seen", "campaigns seen"),
        (engagement.redemptions, "coupon redeemed", "coupons redeemed"),
    ]
    said = [f"{n:,} {one if n == 1 else more}" for n, one, more in rest if n]
    if said:
        yield ", ".join(said)


def interests(profile: Profile) -> Iterator[Text]:
    """The strongest of each kind, a line each; a person of whom none is known is said to be so."""
    if not profile.affinities:
        return
    known = {kind: things for kind, things in profile.affinities.items() if things}
    if not known:
        yield Text("no interest in products or content is known yet", style="dim")
    for kind, things in known.items():
        line = Text(f"interest in {kind}: ")
        line.append(", ".join(f"{t.name} {t.score}" for t in things[:_SHOWN]), style="bold")
        if len(things) > _SHOWN:
            line.append(f" and {len(things) - _SHOWN} more", style="dim")
        yield line


def value(score: Score) -> str:
    """The prediction in words.

    An amount is the money of the window, with its interval; a probability is a percentage.
    """
    if score.predicts.startswith(("amount", "number")):
        low_high = score.interval
        between = f" ({low_high[0]:,.0f} to {low_high[1]:,.0f})" if low_high else ""
        return f"{score.value:,.2f}{between}"
    return f"{100 * score.value:.0f} %"


def reasons(score: Score) -> str:
    """The strongest reasons and what each does: percentage points, or percent of an amount."""
    amount = score.predicts.startswith(("amount", "number"))
    return ", ".join(
        f"{f.phrase}: {effect(score.value, f.contribution, amount)}"
        for f in score.factors
        if f.contribution
    )


def _parts(profile: Profile, cluster: str) -> Iterator[RenderableType]:
    if profile.attributes:
        yield Text(", ".join(f"{words(n)}: {v}" for n, v in profile.attributes.items()))
    if profile.engagement is not None:
        for line in facts(profile.engagement):
            yield Text(line)
    if profile.opted_out is not None:
        yield Text(f"may not be scored, by their own word of {day(profile.opted_out)}")
    yield from interests(profile)
    if profile.cluster is not None:
        yield Text(f"in cluster {profile.cluster}" + (f": {cluster}" if cluster else ""))
    for score in profile.scores.values():
        yield Text()
        yield from _score(score)
    inside = [name for name, one in profile.audiences.items() if one.status != "exited"]
    if inside:
        yield Text()
        yield Text(f"in the audiences {', '.join(sorted(inside))}")
    for score in list(profile.scores.values())[:1]:
        yield Text()
        what = f"event {score.event_id}" if score.event_id else "the silence since the last event"
        yield Text(f"as of {what}, {moment(score.event_time)}", style="dim")


def _score(score: Score) -> Iterator[Text]:
    style = _BUCKET_STYLE.get(score.bucket, "")
    if score.model == "lifetime_value":
        style = ""
    line = Text(score.model.replace("_", " "), style="bold")
    line.append(f"  {value(score)}", style=f"bold {style}")
    line.append(f"  {score.predicts}", style="not bold")
    line.append(f"; {score.bucket}", style=f"not bold {style}")
    if score.percentile:
        line.append(f", above {score.percentile} % of all", style="not bold")
    if score.previous is not None and abs(score.previous - score.value) > 1e-9:
        before = f"{score.previous:,.2f}" if score.predicts.startswith(("amount", "number")) else (
            f"{100 * score.previous:.0f} %"
        )  # fmt: skip
        line.append(f", before {before}", style="dim not bold")
    if not score.trusted:
        line.append("  not trusted yet", style="dim not bold")
    yield line
    why = reasons(score)
    if why:
        yield Text(f"  because of {why}", style="dim")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _text(identity: bytes) -> str:
    return identity.decode("utf-8", "backslashreplace")
