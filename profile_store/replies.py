"""Error replies of Redis as errors of ours."""

from __future__ import annotations

from typing import Any

import hiredis

from profile_store.errors import StoreError, StoreMisconfigured, StoreUnavailable

_LATER = {
    "LOADING": "is still loading its data",
    "BUSY": "is busy with a script",
    "OOM": "is out of memory (maxmemory is reached) and refuses writes",
    "READONLY": "is a read-only replica",
    "MASTERDOWN": "is a replica that has lost its master",
    "NOREPLICAS": "has too few replicas in reach to accept writes",
    "MISCONF": "cannot save to its disk and refuses writes",
    "CLUSTERDOWN": "belongs to a cluster that does not serve all slots",
    "TRYAGAIN": "is moving the slot to another node",
    "MOVED": "has given the slot to another node",
    "ASK": "is giving the slot to another node",
}
_NEVER = {
    "WRONGTYPE": "holds a key of another type than Afflux writes",
    "NOAUTH": "asks for a password",
    "WRONGPASS": "does not accept user and password",
    "NOPERM": "does not permit this user what Afflux needs",
    "CROSSSLOT": "is a cluster and the keys have several slots",
}
_UNKNOWN_COMMAND = ("ERR unknown command", "ERR Unknown Redis command")


def is_error(reply: Any, code: str = "") -> bool:
    """Whether a reply is an error, with this first word if one is given."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith(code)


def store_error(reply: Any, server: str) -> StoreError:
    """The error that an error reply stands for."""
    text = str(reply)
    code, _, rest = text.partition(" ")
    if code in _LATER:
        return StoreUnavailable(f"Redis at {server} {_LATER[code]}")
    if code in _NEVER:
        detail = f": {rest}" if code in ("WRONGTYPE", "NOPERM") else ""
        return StoreMisconfigured(f"Redis at {server} {_NEVER[code]}{detail}")
    if text.startswith(_UNKNOWN_COMMAND):
        return StoreMisconfigured(f"Redis at {server} is too old: {rest}")
    if "cluster support disabled" in text:
        return StoreMisconfigured(f"Redis at {server} is not a node of a cluster")
    if "invalid password" in text or "Client sent AUTH" in text or "AUTH <password>" in text:
        return StoreMisconfigured(f"Redis at {server} does not accept user and password")
    return StoreError(f"Redis at {server} answers: {text}")


def checked(replies: list[Any], server: str) -> list[Any]:
    """The replies. Raises the error of the first that is one."""
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise store_error(reply, server)
    return replies
