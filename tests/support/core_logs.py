"""Hypothesis strategies: logs of a partition with everything that can go wrong in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from afflux.codes import Code
from afflux.names import Identity
from afflux.oracle.interests import Mention
from afflux.oracle.records import Event, Record
from afflux.outcome import Control, Rejected
from afflux.shards import murmur2
from core_cases import id_hash

START = 1_483_228_800_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

PEOPLE = [Identity(b"crm:%d" % i) for i in range(6)]
HASH = dict(zip(PEOPLE, murmur2(PEOPLE).tolist(), strict=True))

WHO = st.sampled_from([PEOPLE[0]] * 5 + PEOPLE)
"""The first is a hot key."""

STEPS = st.sampled_from(
    [0, 1, MINUTE, HOUR, 20 * HOUR, DAY, DAY, 7 * DAY, 14 * DAY, 28 * DAY, 1500 * DAY]
)
"""Windows, gaps and deadlines are sums of these, so that records fall on their very ends."""

AMOUNTS = st.sampled_from([0.0, 0.0, 2.0**-41, 2.0**-40, 0.01, 9.99, 123.45, 1e9, 1e300])


@dataclass(frozen=True)
class Draft:
    """A record before its offset and time are known."""

    kind: str
    who: Identity
    other: Identity
    step: int
    late: int
    gap: int
    event_kind: int
    amount: float
    repeat: int
    lag: int
    mentions: tuple[Mention, ...] = ()
    typed: int = 0
    number: tuple[bytes, int, int] | None = None


NUMBERS = st.sampled_from(
    [None] * 30
    + [(source, p, n) for source in (b"a" * 16, b"b" * 16) for p in (0, 1) for n in (0, 1, 5, 9)]
)
"""Of a source that counts its records, and sends some of them again."""

TYPES = {
    0: ["acme.demoBooked", "acme.signedOff", "acme.other"],
    1: ["", "web.webpagedetails.pageViews", "acme.page" + 200 * "ü"],
    5: ["commerce.purchases"],
    6: ["advertising.impressions", "directMarketing.emailSent"],
}
"""Event types of kinds; of the others no test names one."""

THINGS = st.builds(
    lambda subject, n, name: Mention(subject, 2**63 + n % 7 * 5 + 1, b"id%d" % n, name),
    st.sampled_from([0, 0, 0, 1, 1, 2, 4]),
    st.integers(0, 11),
    st.sampled_from([b"", b"", "Gr\u00fcner Tee".encode()]),
)
"""Some things have the same hash: then they are the same thing, however they are written."""

DRAFTS = st.builds(
    Draft,
    kind=st.sampled_from(
        ["event"] * 30
        + ["linked", "edge", "derived", "unlink", "delete", "tick", "bad"]
        + ["forget", "opt_out", "opt_in"]
    ),
    who=WHO,
    other=st.sampled_from(PEOPLE),
    step=STEPS,
    late=st.sampled_from([0] * 12 + [1, HOUR, 3 * DAY, 20 * DAY, 3000 * DAY]),
    gap=st.sampled_from([0] * 9 + [1, 3]),
    event_kind=st.sampled_from([0, 1, 2, 3, 4, 5, 5, 5, 5, 6, 7]),
    amount=AMOUNTS,
    repeat=st.sampled_from([0] * 10 + [1, 2, 15, 16, 17]),
    lag=st.sampled_from([0, 0, 0, 1000, -2 * DAY]),
    typed=st.integers(0, 5),
    mentions=st.lists(THINGS, max_size=6, unique_by=lambda m: (m.subject, m.hash)).map(tuple),
    number=NUMBERS,
)


def record_log(drafts: Sequence[Draft]) -> list[Record]:
    """Offsets and times: event time goes on by `step`, late records fall behind it."""
    now, offset, records = START, 0, []
    ids: dict[Identity, list[str]] = {}
    for d in drafts:
        now += d.step
        offset += d.gap
        records.append(_record(d, offset, now, ids))
        offset += 1
    return records


def _record(d: Draft, offset: int, now: int, ids: dict[Identity, list[str]]) -> Record:
    ts, append_time = now - d.late, now + d.lag
    if d.kind == "bad":
        return Rejected(offset, HASH[d.who] % 8, Code.truncated)
    if d.kind in ("event", "linked"):
        known = ids.setdefault(d.who, [])
        event_id = known[-d.repeat] if 0 < d.repeat <= len(known) else f"e{offset}"
        known.append(event_id)
        return Event(
            offset, ts, append_time, d.who, HASH[d.who], event_id, id_hash(event_id),
            d.event_kind, d.amount, d.amount / 3, (d.other,) if d.kind == "linked" else (),
            d.mentions, TYPES.get(d.event_kind, [""])[d.typed % len(TYPES.get(d.event_kind, [""]))],
            d.number,
        )  # fmt: skip
    if d.kind == "tick":
        return Control("tick", offset, ts, append_time, None, HASH[d.other] % 8)
    origin = (1, offset // 3, d.repeat) if d.kind == "derived" else None
    kind = "edge" if d.kind == "derived" else d.kind
    return Control(kind, offset, ts, append_time, d.who, HASH[d.who], d.other, f"c{offset}", origin)


LOGS = st.lists(DRAFTS, min_size=1, max_size=60).map(record_log)

CUTS = st.lists(st.tuples(st.integers(1, 25), st.integers(0, 3)), min_size=1, max_size=20)
"""(records of a batch, which shards lag); repeated to the end of the log."""
