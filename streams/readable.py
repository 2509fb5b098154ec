"""Whether workers can read what is written with a schema."""

from __future__ import annotations

import json

import schemas
from streams.avro_tree import RefusedSchema, check_fits, parse

_READ = ("ExperienceEvent", "ProfileAttributes")


def unreadable(text: str) -> tuple[str, str] | None:
    """(place, reason) where workers would refuse all records of this schema, else None.

    >>> unreadable('{"type": "record", "name": "Visit", "fields": []}')
    ('', 'the record is named Visit; workers read ExperienceEvent and ProfileAttributes')
    """
    name = json.loads(text).get("name")
    if name not in _READ:
        return "", f"the record is named {name}; workers read {' and '.join(_READ)}"
    try:
        check_fits(parse(text), parse(schemas.load(name).json))
    except RefusedSchema as error:
        return error.pointer, error.reason
    return None
