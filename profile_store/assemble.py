"""From stored rows to profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afflux.attributes import Value
from afflux.audiences.standing import Layouts
from afflux.catalog import Catalog
from afflux.columns import I64, Kind
from afflux.consent import last_word
from afflux.features.channels import CHANNELS
from afflux.features.decayed import pace
from afflux.identity import profile_id_of
from afflux.merge import merge
from afflux.merge_policy import Ordering
from afflux.names import EpochMs, ModelName
from profile_store.affinities import affinities
from profile_store.fresh import Fresh
from profile_store.installation import Installation
from profile_store.layouts import Layout, layout_id
from profile_store.membership_reading import memberships
from profile_store.profile import Engagement, OpenExample, Profile, Score
from profile_store.selection import Selection
from profile_store.served import cluster, fresh_scores, open_examples, scores
from profile_store.short_floats import short_floats
from profile_store.stored import Reading, Stored

PLAIN_READING = Reading()

_ENGAGEMENT = ModelName("engagement")
_RISING = 1.25


def assemble(
    people: Sequence[Sequence[Stored]],
    installation: Installation,
    catalog: Catalog,
    selection: Selection,
    at: int | None,
    audiences: Layouts,
    fresh: Fresh | None = None,
    reading: Reading = PLAIN_READING,
) -> list[Profile | None]:
    """One profile a person; None where nothing is known. Raises UnknownLayout.

    at: time of the features, ms; None: of each person's last event. audiences: by layout of
    stored memberships. fresh: of features and scores as of its times, in place of `at` and of the
    scores that were served. reading: by which policy attributes are merged.
    """
    merged, words = merged_rows(people, installation, catalog)
    times = merged["last_ts"] if at is None else np.full(len(people), at, np.int64)
    if fresh is not None:
        times = fresh.times(merged["last_ts"])
    latest_of = [scores(stored, installation) for stored in people]
    matrix = None
    if selection.wants("features") or fresh is not None:
        matrix = catalog.matrix(merged, times)
    if fresh is not None and matrix is not None:
        latest_of = _anew(fresh, people, matrix, times, latest_of)
    if not selection.wants("features"):
        matrix = None
    profiles: list[Profile | None] = []
    for p, stored in enumerate(people):
        now = reading.now[p] if reading.now else int(merged["last_ts"][p])
        attributes = attributes_of(stored, reading.ordering, now)
        if not merged["last_ts"][p] and not attributes:
            profiles.append(None)
            continue
        refused = last_word(words[p])
        latest = latest_of[p] if refused <= 0 else {}
        profiles.append(
            Profile(
                profile_id_of(s.identity for s in stored),
                tuple(s.identity for s in stored),
                EpochMs(int(merged["last_ts"][p])),
                attributes=selection.only("attributes", attributes),
                engagement=_engagement(merged[p : p + 1], int(times[p]), latest.get(_ENGAGEMENT))
                if selection.wants("engagement")
                else None,
                at=None if matrix is None else EpochMs(int(times[p])),
                features=_features(catalog, matrix, p, selection),
                scores=_chosen(latest, selection),
                affinities=affinities(stored, int(times[p]), selection),
                audiences=selection.only(
                    "audiences",
                    memberships(stored, int(merged["last_ts"][p]), installation, audiences),
                )
                if selection.wants("audiences")
                else {},
                open_examples=_examples(stored, installation, selection) if refused <= 0 else (),
                opted_out=EpochMs(refused) if refused > 0 else None,
                cluster=cluster(stored, installation)
                if refused <= 0 and selection.wants("cluster")
                else None,
                selection=selection,
            )
        )
    return profiles


def _anew(
    fresh: Fresh,
    people: Sequence[Sequence[Stored]],
    matrix: NDArray[np.float16],
    times: I64,
    latest: Sequence[dict[ModelName, Score]],
) -> list[dict[ModelName, Score]]:
    """Fresh scores in place of served ones; nobody gets scores who has none."""
    before = [{model: score.value for model, score in known.items()} for known in latest]
    layout = Layout.of(fresh.catalog)
    made = fresh.served(matrix, times, before)
    return [
        fresh_scores(stored[0].identity, row, layout) if known else {}
        for stored, row, known in zip(people, made, latest, strict=True)
    ]


def merged_rows(
    people: Sequence[Sequence[Stored]], installation: Installation, catalog: Catalog
) -> tuple[NDArray[np.void], list[list[int]]]:
    """One row a person, of the fragments of all identities, and what each of them said last."""
    found = [
        (owner, stored.fragment)
        for owner, person in enumerate(people)
        for stored in person
        if stored.fragment is not None
    ]
    rows = _decoded([data for _, data in found], installation, catalog)
    owners = [owner for owner, _ in found]
    words: list[list[int]] = [[] for _ in people]
    for owner, word in zip(owners, rows["consent"].tolist(), strict=True):
        words[owner].append(word)
    if owners == list(range(len(people))):
        return rows, words  # one fragment each: the merge of one has its features
    return merge(catalog, rows, np.array(owners, np.int64), len(people)), words


def _decoded(
    found: Sequence[bytes], installation: Installation, catalog: Catalog
) -> NDArray[np.void]:
    layouts = list(map(layout_id, found))
    if len(different := set(layouts)) == 1:
        return installation.layout(different.pop()).decode_fragments(found, catalog)
    rows = catalog.new_fragments(len(found))
    for id in different:
        at = [i for i, one in enumerate(layouts) if one == id]
        rows[at] = installation.layout(id).decode_fragments([found[i] for i in at], catalog)
    return rows


def attributes_of(person: Sequence[Stored], ordering: Ordering, now: int) -> dict[str, Value]:
    """Of all identities and data sets, at event time `now`. Raises StoreMisconfigured."""
    return ordering.merged((source for stored in person for source in stored.sources()), now)


def _engagement(rows: NDArray[np.void], at: int, score: Score | None) -> Engagement:
    (row,) = rows
    life = dict(zip(CHANNELS, row["life"].tolist(), strict=True))
    return Engagement(
        first_seen=_time(row["first_ts"]),
        last_seen=_time(row["last_ts"]),
        last_purchase=_time(row["kind_last"][Kind.PURCHASE]),
        events=int(life["events"]),
        purchases=int(life["purchases"]),
        revenue=life["revenue"],
        items=life["items"],
        views=int(life["views"]),
        adds=int(life["adds"]),
        exposures=int(life["exposures"]),
        redemptions=int(life["redemptions"]),
        score=None if score is None else score.score,
        level=None if score is None else score.bucket,
        trend=trend(float(pace(rows, np.array([at]))[0])),
    )


def trend(pace: float) -> str:
    """Of events a day relative to the usual ones.

    >>> [trend(p) for p in (0.5, 1.1, 2.0)]
    ['falling', 'steady', 'rising']
    """
    if pace > _RISING:
        return "rising"
    return "falling" if pace < 1 / _RISING else "steady"


def _time(ms: Any) -> EpochMs | None:
    return EpochMs(int(ms)) if ms else None


def _features(
    catalog: Catalog, matrix: NDArray[np.float16] | None, p: int, selection: Selection
) -> dict[str, float]:
    if matrix is None:
        return {}
    values = short_floats(matrix[p])
    return selection.only("features", dict(zip(catalog.features, values, strict=True)))


def _chosen(latest: Mapping[ModelName, Score], selection: Selection) -> dict[ModelName, Score]:
    if not selection.wants("scores"):
        return {}
    named = {str(name): score for name, score in latest.items()}
    return {score.model: score for score in selection.only("scores", named).values()}


def _examples(
    person: Sequence[Stored], installation: Installation, selection: Selection
) -> tuple[OpenExample, ...]:
    return tuple(open_examples(person, installation)) if selection.wants("open_examples") else ()
