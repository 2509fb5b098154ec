"""Audiences in the enrich plane: after the step, before the commit, all rules over the batch.

Whoever was touched is asked once, at W where the batch ends: by events, by a control record, by
attributes that changed, by a window that ran out, or by a back-fill. What comes out is part of the
same commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afflux.attributes import Value, fold_attributes
from afflux.audiences import standing
from afflux.audiences.attribute_values import AttributeValues, Stored
from afflux.audiences.judging import Rules, Verdict, judge
from afflux.audiences.profile_columns import ProfileColumns
from afflux.audiences.standing import Standing
from afflux.catalog import Catalog
from afflux.columns import I32, I64, Bool
from afflux.merge import merge
from afflux.names import Identity
from afflux.outcome import StepOutcome
from profile_store.contract import MemberChange
from streams.audience_encoding import Announced
from streams.enrich.feeds import Feeds
from streams.enrich.fetch import Rows


class RuleSource(Protocol):
    """The rules that are live."""

    @property
    def current(self) -> Rules | None:
        """None as long as nothing was ever saved."""
        ...

    async def refresh(self) -> None:
        """Adopt what was saved since."""
        ...


class NoAudiences:
    """An installation that has none."""

    current: Rules | None = None

    async def refresh(self) -> None:
        """Nothing to look for."""


@dataclass(slots=True)
class Judged:
    """What the commits of one step write and announce because of audiences, by shard."""

    deadline: I64
    """(rows,) for the deadlines of the shard: the last ms before the next look, 0 none."""
    moved: Bool
    """(rows,) whose deadline may be another than before."""
    memberships: dict[int, list[tuple[Identity, bytes]]] = field(default_factory=dict)
    members: dict[int, dict[str, MemberChange]] = field(default_factory=dict)
    updates: dict[int, list[Announced]] = field(default_factory=dict)
    gone: dict[int, list[Identity]] = field(default_factory=dict)
    """Deleted people who were in the store: tombstones."""


class AudienceStage:
    """Asks the rules."""

    def __init__(
        self, catalog: Catalog, source: RuleSource, feeds: Feeds, exited_ms: int = 0
    ) -> None:
        """exited_ms: see `afflux.limits.Expiry.membership_ms`."""
        self._catalog = catalog
        self._exited_ms = exited_ms
        self._source = source
        self._feeds = feeds
        self._values = AttributeValues()

    @property
    def rules(self) -> Rules | None:
        """Those that are asked; None where a batch has nothing to do with audiences."""
        return self._source.current

    def judge(
        self, rules: Rules, rows: Rows, outcome: StepOutcome, watermarks: Mapping[int, int]
    ) -> Judged:
        """Ask about all touched rows of the shards in `watermarks`, at their W."""
        fetched = rows.fetched
        w = np.full(int(fetched.shard.max(initial=0)) + 1, _ASIDE, np.int64)
        for shard, value in watermarks.items():
            if shard < len(w):
                w[shard] = value
        now = w[fetched.shard]
        at = np.flatnonzero(rows.touched & (now != _ASIDE))
        fragment = self._profiles(rows, outcome, at)
        now = np.maximum(now[at], fragment["last_ts"])
        attributes = self._attributes(rules, rows, outcome, at, now)
        known = (fragment["last_ts"] > 0) | np.fromiter(map(bool, attributes), np.bool_, len(at))
        known &= now > 0
        before = standing.decode(
            [rows.memberships[r] for r in at.tolist()], rules.names, rules.layouts
        )
        forgotten = np.isin(at, _buried(rows, outcome))
        was = before.since > 0
        before.since[forgotten] = 0
        scored = np.isin(at, [r for r in outcome.scored.tolist() if outcome.event_ids.get(r)])
        timer = (before.ask > 0) & (before.ask <= now)
        entry = np.where(timer, before.ask, now)
        entry[scored] = outcome.fragment["last_ts"][at[scored]]
        served = outcome.served if len(at) == len(outcome.served) else outcome.served[at]
        frame = ProfileColumns(
            self._catalog, fragment, served, attributes, now, _vectors(rows, outcome, at, scored)
        )
        verdict = judge(rules, frame, known, before, entry, self._exited_ms)
        look = _Look(rules, rows, outcome, at, before, was, forgotten, scored, now, verdict)
        return look.judged()

    def _profiles(self, rows: Rows, outcome: StepOutcome, at: I64) -> NDArray[np.void]:
        """Fragments as rules see them: merged with those of linked identities."""
        linked, owner = rows.fetched.linked, rows.fetched.linked_owner
        if linked is None or not len(linked):
            return outcome.fragment if len(at) == len(outcome.fragment) else outcome.fragment[at]
        fragment = outcome.fragment[at]
        mine = np.flatnonzero(np.isin(at, owner))
        place = np.full(len(rows.fetched.identities), -1)
        place[at[mine]] = np.arange(len(mine))
        of = place[owner]
        parts = np.concatenate([fragment[mine], linked[of >= 0]])
        owners = np.concatenate([np.arange(len(mine)), of[of >= 0]])
        fragment[mine] = merge(self._catalog, parts, owners, len(mine))
        return fragment

    def _attributes(
        self, rules: Rules, rows: Rows, outcome: StepOutcome, at: I64, now: I64
    ) -> Sequence[Mapping[str, Value]]:
        if not rules.reads_attributes:
            return [_NOTHING] * len(at)
        stored, identities, deleted = (
            rows.attributes,
            rows.fetched.identities,
            set(outcome.deleted.tolist()),
        )
        ordering = self._feeds.ordering
        alone = len(self._feeds.records) == 1 and not ordering.ttl_ms
        if alone and not deleted and not rows.linked_attributes:
            one = self._values.one
            return [one(d[0][1]) if (d := stored.get(r)) else _NOTHING for r in at.tolist()]
        found: list[Mapping[str, Value]] = []
        for r, w in zip(at.tolist(), now.tolist(), strict=True):
            known: list[Stored] = []
            for dataset, data in stored.get(r, ()):
                if r in deleted:
                    data = fold_attributes(data, (), int(outcome.fragment["deleted_at"][r]))
                if data:
                    known.append((identities[r], dataset, data))
            known += rows.linked_attributes.get(r, ())
            found.append(self._values.of(known, ordering, w) if known else _NOTHING)
        return found


def _buried(rows: Rows, outcome: StepOutcome) -> I32:
    """Rows that became tombstones: not those that only may no longer be scored."""
    gone, before = outcome.deleted, rows.fetched.fragment["deleted_at"]
    buried: I32 = gone[outcome.fragment["deleted_at"][gone] != before[gone]]
    return buried


def _vectors(rows: Rows, outcome: StepOutcome, at: I64, scored: Bool) -> NDArray[np.float16] | None:
    """The features that the step has made already, where it has those of all of `at`."""
    if not scored.all() or rows.fetched.linked is not None or len(at) != len(outcome.scored):
        return None
    if outcome.vectors is None or outcome.vector_of is None:
        return None
    if (outcome.served["as_of_ts"][at] != outcome.fragment["last_ts"][at]).any():
        return None  # a late event of somebody who was scored for a silence
    return outcome.vectors[outcome.vector_of]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the rows `at`; all arrays are aligned to it."""

    rules: Rules
    rows: Rows
    outcome: StepOutcome
    at: I64
    before: Standing
    was: Bool
    """Inside before, also of people who are forgotten in this step."""
    forgotten: Bool
    scored: Bool
    now: I64
    verdict: Verdict

    def judged(self) -> Judged:
        n, after = len(self.rows.fetched.identities), self.verdict.after
        deadline, moved = np.zeros(n, np.int64), np.zeros(n, np.bool_)
        deadline[self.at] = np.where(after.ask > 0, np.maximum(after.ask - 1, 1), 0)
        moved[self.at] = after.ask != self.before.ask
        judged = Judged(deadline, moved)
        self._write(judged)
        self._count(judged)
        self._announce(judged)
        return judged

    def _write(self, judged: Judged) -> None:
        stored = np.array(
            [self.rows.memberships[r] is not None for r in self.at.tolist()], np.bool_
        )
        changed = np.flatnonzero(self.verdict.changed | (self.forgotten & stored))
        if not len(changed):
            return
        after = self.verdict.after
        values = standing.encode(
            Standing(after.since[changed], after.ask[changed]), self.rules.layout
        )
        for i, value in zip(changed.tolist(), values, strict=True):
            if value or stored[i]:
                shard, identity = self._whose(i)
                judged.memberships.setdefault(shard, []).append((identity, value))
            if self.forgotten[i] and stored[i]:
                shard, identity = self._whose(i)
                judged.gone.setdefault(shard, []).append(identity)

    def _count(self, judged: Judged) -> None:
        inside = self.verdict.after.since > 0
        changes: dict[tuple[int, str], tuple[list[Identity], list[Identity]]] = {}
        for which, what in enumerate((self.verdict.entered, self.was & ~inside)):
            for i, a in zip(*(found.tolist() for found in what.nonzero()), strict=True):
                shard, identity = self._whose(i)
                change = changes.setdefault((shard, self.rules.names[a]), ([], []))
                change[which].append(identity)
        for i, names in self.before.gone.items():
            shard, identity = self._whose(i)
            for name in names:
                changes.setdefault((shard, name), ([], []))[1].append(identity)
        for (shard, name), (joined, left) in changes.items():
            judged.members.setdefault(shard, {})[name] = MemberChange(joined, left)

    def _announce(self, judged: Judged) -> None:
        inside = self.verdict.after.since > 0
        told = self.verdict.announced & (~self.forgotten | inside.any(axis=1))
        for i in told.nonzero()[0].tolist():
            shard, identity = self._whose(i)
            r = int(self.at[i])
            names, since = self.rules.names, self.verdict.after.since[i].tolist()
            scored = bool(self.scored[i])
            judged.updates.setdefault(shard, []).append(
                Announced(
                    identity,
                    self.rows.members.get(r, (identity,)),
                    self.outcome.event_ids.get(r, ""),
                    int(self.outcome.fragment["last_ts"][r]) if scored else int(self.now[i]),
                    {name: at for name, at in zip(names, since, strict=True) if at > 0},
                    [names[a] for a in self.verdict.entered[i].nonzero()[0].tolist()],
                    [
                        *(names[a] for a in self.verdict.left[i].nonzero()[0].tolist()),
                        *self.before.gone.get(i, ()),
                    ],
                )
            )

    def _whose(self, i: int) -> tuple[int, Identity]:
        r = int(self.at[i])
        return int(self.rows.fetched.shard[r]), self.rows.fetched.identities[r]


_NOTHING: Mapping[str, Value] = {}
_ASIDE = np.iinfo(np.int64).min
"""W of shards that do not move."""
