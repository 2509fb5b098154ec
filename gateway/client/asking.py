"""Every request of the API as a value, and how its answer is read: the same for both clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gateway.client.shapes import (
    Affinity,
    Audience,
    Clusters,
    Dossier,
    Forecasts,
    Health,
    Identities,
    Key,
    Members,
    Model,
    Preview,
    Profile,
    Receipt,
    Recommendations,
    Similar,
    Timeline,
)
from gateway.client.wire import Asked, Parameters, T

Who = tuple[str, str]
"""Namespace and id."""


def profile(
    who: Who,
    fields: Iterable[str] | None,
    at: int | None,
    fresh: bool,
    policy: str | None = None,
) -> Asked[Profile | None]:
    """One profile."""
    parameters: Parameters = {}
    if fields is not None:
        parameters["fields"] = ",".join(fields)
    if at is not None:
        parameters["at"] = str(at)
    if fresh:
        parameters["fresh"] = "true"
    if policy is not None:
        parameters["merge_policy"] = policy
    return Asked("GET", _of("profiles", who), parameters, none=True)


def affinities(who: Who, at: int | None) -> Asked[dict[str, list[Affinity]] | None]:
    """What one person is interested in."""
    asked = profile(who, ["affinities"], at, False)
    return Asked("GET", asked.path, asked.parameters, read=_member("affinities"), none=True)


def similar(who: Who, limit: int, by: str | None) -> Asked[Similar | None]:
    """Who is like one person."""
    parameters: Parameters = {"limit": str(limit)}
    if by is not None:
        parameters["by"] = by
    return Asked("GET", f"{_of('profiles', who)}/similar", parameters, none=True)


def timeline(
    who: Who,
    since: int | None,
    until: int | None,
    types: Iterable[str],
    limit: int,
    cursor: str | None,
    newest_first: bool,
) -> Asked[Timeline | None]:
    """A page of one person's events."""
    parameters: Parameters = {"limit": str(limit), "type": list(types)}
    for name, value in (("from", since), ("to", until), ("cursor", cursor)):
        if value is not None:
            parameters[name] = str(value)
    if newest_first:
        parameters["newest_first"] = "true"
    return Asked("GET", f"{_of('profiles', who)}/timeline", parameters, none=True)


def lookup(
    people: Iterable[Who],
    fields: Iterable[str] | None,
    at: int | None,
    fresh: bool,
    policy: str | None = None,
) -> Asked[list[Profile | None]]:
    """Many profiles."""
    body: dict[str, Any] = {"people": [{"namespace": n, "id": i} for n, i in people]}
    if fields is not None:
        body["fields"] = list(fields)
    if at is not None:
        body["at"] = at
    if fresh:
        body["fresh"] = True
    if policy is not None:
        body["merge_policy"] = policy
    return _sent("POST", "/v1/profiles/lookup", body, _member("profiles"))


def models() -> Asked[list[Model]]:
    """All models."""
    return Asked("GET", "/v1/models", read=_member("models"))


def model(name: str) -> Asked[Model | None]:
    """One model."""
    return Asked("GET", f"/v1/models/{quote(name, '')}", none=True)


def clusters() -> Asked[Clusters]:
    """The audience clusters."""
    return Asked("GET", "/v1/clusters")


def recommendations(who: Who, count: int) -> Asked[Recommendations]:
    """Lists for a person."""
    return Asked("GET", _of("recommendations", who), {"count": str(count)})


def forecasts(segment: str | None) -> Asked[Forecasts]:
    """Forecasts of volumes."""
    return Asked("GET", "/v1/forecasts", {} if segment is None else {"segment": segment})


def audiences() -> Asked[list[Audience]]:
    """All audiences."""
    return Asked("GET", "/v1/audiences", read=_member("audiences"))


def audience(name: str) -> Asked[Audience | None]:
    """One audience."""
    return Asked("GET", _audience(name), none=True)


def save_audience(name: str, rule: str, attributes: Mapping[str, str] | None) -> Asked[int]:
    """A rule, new or changed; the version of all audiences that this makes."""
    body = {"rule": rule, "attributes": dict(attributes or {})}
    return _sent("PUT", _audience(name), body, _member("version"))


def delete_audience(name: str) -> Asked[int]:
    """The same for one that is to go."""
    return Asked("DELETE", _audience(name), read=_member("version"))


def preview(rule: str, attributes: Mapping[str, str] | None, people: int) -> Asked[Preview]:
    """What a rule would do."""
    body = {"rule": rule, "attributes": dict(attributes or {}), "people": people}
    return _sent("POST", "/v1/audiences/preview", body)


def members(name: str, limit: int, cursor: str | None) -> Asked[Members]:
    """A page of members."""
    parameters: Parameters = {"limit": str(limit)}
    if cursor is not None:
        parameters["cursor"] = cursor
    return Asked("GET", f"{_audience(name)}/members", parameters)


def overlap(one: str, other: str) -> Asked[int]:
    """How many are in both."""
    path = f"{_audience(one)}/overlap/{quote(other, '')}"
    return Asked("GET", path, read=_member("members"))


def events(given: Sequence[Mapping[str, Any]]) -> Asked[int]:
    """Events in."""
    return _sent("POST", "/v1/events", list(given), _member("accepted"))


def stream(given: str | None, models: Iterable[str], from_start: bool) -> Asked[Any]:
    """Score updates."""
    parameters: Parameters = {"model": list(models)}
    if given is not None:
        parameters["profile"] = given
    if from_start:
        parameters["from_start"] = "true"
    return Asked("GET", "/v1/scores/stream", parameters)


def export(who: Who) -> Asked[Dossier | None]:
    """All that is kept of a person."""
    return Asked("GET", _of("privacy", who), none=True)


def delete(who: Who) -> Asked[str]:
    """Forget a person."""
    return Asked("DELETE", _of("privacy", who), read=_member("receipt"))


def receipt(text: str) -> Asked[Receipt]:
    """How far that is."""
    return Asked("GET", f"/v1/privacy/receipts/{quote(text, '')}")


def consent(who: Who, scoring: bool) -> Asked[str]:
    """Whether a person may be scored."""
    return _sent("PUT", _of("consent", who), {"scoring": scoring}, _member("receipt"))


def identities(who: Who) -> Asked[Identities | None]:
    """Who belongs together."""
    return Asked("GET", _of("identities", who), none=True)


def linked(one: Who, other: Who, together: bool) -> Asked[int]:
    """Link two identities, or cut their link."""
    pair = {
        end: {"namespace": namespace, "id": id}
        for end, (namespace, id) in (("one", one), ("other", other))
    }
    path = f"/v1/identities/{'link' if together else 'unlink'}"
    return _sent("POST", path, pair, _member("told"))


def keys() -> Asked[list[Key]]:
    """All API keys."""
    return Asked("GET", "/v1/keys", read=_member("keys"))


def health() -> Asked[Health]:
    """Which parts answer."""
    return Asked("GET", "/health/ready")


def _of(what: str, who: Who) -> str:
    namespace, id = who
    return f"/v1/{what}/{quote(namespace, '')}/{quote(id, '')}"


def _audience(name: str) -> str:
    return f"/v1/audiences/{quote(name, '')}"


def _sent(method: str, path: str, body: Any, read: Callable[[Any], T] | None = None) -> Asked[T]:
    return Asked(method, path, body=json.dumps(body).encode(), read=read)


def _member(name: str) -> Callable[[Any], Any]:
    return lambda answer: answer[name]
