"""The parameters of the profile route: what the OpenAPI page says, and how they are read."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request

from gateway.lookups import FIELD, LAST_MS, NAMESPACE, POLICY
from gateway.problems import Fault, Problem
from gateway.profile_reading import Wanted

_FIELDS = rf"^{FIELD}(?:,{FIELD}){{0,31}}$"

PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "namespace",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": NAMESPACE},
        "description": "Such as email or ECID.",
    },
    {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "The identifier; slashes as %2F.",
    },
    {
        "name": "fields",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "pattern": _FIELDS},
        "description": "Comma-separated, such as scores.churn,attributes.",
    },
    {
        "name": "at",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 0, "maximum": LAST_MS},
        "description": "Time of the features, ms; without it: of the last event.",
    },
    {
        "name": "fresh",
        "in": "query",
        "required": False,
        "schema": {"type": "boolean", "default": False},
        "description": "Scores made anew by the newest models: for `at`, else for where event time "
        "stands in the partition of this identity.",
    },
    {
        "name": "merge_policy",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "pattern": POLICY},
        "description": "Name of a merge policy; without it the default one.",
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "ETags that are at hand",
    },
]

_NAMESPACE_FORM, _FIELDS_FORM = re.compile(NAMESPACE), re.compile(_FIELDS)
_POLICY_FORM = re.compile(POLICY)
_NUMBER = re.compile(r"[0-9]{1,15}")


def profile_question(request: Request) -> tuple[str, str, Wanted]:
    """Namespace, id, and what is wanted. Raises a 422 with all parameters that do not fit."""
    namespace, id = request.path_params["namespace"], request.path_params["id"]
    faults = []
    if not _NAMESPACE_FORM.fullmatch(namespace):
        faults.append(Fault("not a namespace", parameter="namespace"))
    if not id:
        faults.append(Fault("an id is not empty", parameter="id"))
    if not request.scope["query_string"]:
        fields = at = fresh = policy = None
    else:
        given = request.query_params
        fields, at, fresh = given.get("fields"), given.get("at"), given.get("fresh")
        policy = given.get("merge_policy")
    if fields is not None and not _FIELDS_FORM.fullmatch(fields):
        faults.append(Fault("not names of fields, separated by commas", parameter="fields"))
    if at is not None and not (_NUMBER.fullmatch(at) and int(at) <= LAST_MS):
        faults.append(Fault(f"not milliseconds from 0 to {LAST_MS}", parameter="at"))
    if fresh not in (None, "true", "false"):
        faults.append(Fault("true or false", parameter="fresh"))
    if policy is not None and not _POLICY_FORM.fullmatch(policy):
        faults.append(Fault("not the name of a merge policy", parameter="merge_policy"))
    if faults:
        raise Problem(422, "parameters do not fit", faults)
    wanted = tuple(fields.split(",")) if fields else None
    moment = None if at is None else int(at)
    return namespace, id, Wanted(wanted, moment, fresh == "true", policy)
