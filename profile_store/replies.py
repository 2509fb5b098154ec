"""What redis-py returns and raises for errors, as errors of ours."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions

from profile_store.errors import StoreError, StoreMisconfigured, StoreUnavailable
from profile_store.options import RedisOptions

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
_CODES: dict[type[BaseException], str] = {
    exceptions.BusyLoadingError: "LOADING",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
    exceptions.MovedError: "MOVED",
    exceptions.AskError: "ASK",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
    exceptions.NoScriptError: "NOSCRIPT",
}
"""Errors whose code redis-py has cut off."""


_INSIDE_A_SCRIPT = re.compile(
    r"^(?:ERR )?(?:Error running script \(call to \w+\): )?(?:@\w+: ?\d+: )+-?"
)
"""Redis before 7 puts this before the error that a script ended with; from 7 on it comes after."""

_OURS_OR_THEIRS = (StoreError, exceptions.RedisError, exceptions.RedisClusterException)


def is_error(reply: Any, code: str = "") -> bool:
    """Whether a reply is an error, with this code if one is given."""
    return isinstance(reply, Exception) and (not code or _code(reply) == code)


def checked(replies: list[Any], server: str) -> list[Any]:
    """The replies. Raises the error of the first that is one."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise store_error(reply, server)
    return replies


def store_error(error: BaseException, server: str) -> StoreError:
    """The error of ours that an error of redis-py stands for."""
    error = _innermost(error)
    if isinstance(error, StoreError):
        return error
    text, code = _text(error), _code(error)
    if code in _LATER:
        return StoreUnavailable(f"Redis at {server} {_LATER[code]}")
    if code in _NEVER:
        detail = f": {text.removeprefix(code).strip()}" if code in ("WRONGTYPE", "NOPERM") else ""
        return StoreMisconfigured(f"Redis at {server} {_NEVER[code]}{detail}")
    if text.lower().startswith(("unknown command", "unknown redis command")):
        return StoreMisconfigured(f"Redis at {server} is too old: {text}")
    if "cluster support disabled" in text:
        return StoreMisconfigured(f"Redis at {server} is not a node of a cluster")
    if isinstance(error, exceptions.InvalidResponse):
        return StoreUnavailable(f"what listens at {server} does not speak Redis's protocol")
    if isinstance(error, exceptions.ResponseError):
        return StoreError(f"Redis at {server} answers: {text}")
    return StoreUnavailable(f"Redis at {server} cannot be reached: {text}")


@asynccontextmanager
async def answered(options: RedisOptions, server: str, extra_s: float) -> AsyncIterator[None]:
    """All that happens within has so long together; errors of redis-py become ours.

    extra_s: how much longer than the time limit of the options.
    """
    limit = options.timeout_s + extra_s
    try:
        async with asyncio.timeout(limit):
            yield
    except (TimeoutError, exceptions.TimeoutError):
        raise StoreUnavailable(f"Redis at {server} does not answer within {limit:g} s") from None
    except (exceptions.RedisError, exceptions.RedisClusterException) as error:
        _check_files(options)
        raise store_error(error, server) from None


def _code(error: BaseException) -> str:
    if isinstance(error, exceptions.AuthenticationError):
        return "NOAUTH" if "required" in str(error) else "WRONGPASS"
    return _CODES.get(type(error)) or _text(error).partition(" ")[0]


def _text(error: BaseException) -> str:
    return _INSIDE_A_SCRIPT.sub("", str(error))


def _innermost(error: BaseException) -> BaseException:
    """Below the words of the cluster client, which are about nodes, not about the reason."""
    while isinstance(error, exceptions.RedisClusterException):
        below = error.__cause__ or error.__context__
        if not isinstance(below, _OURS_OR_THEIRS):
            break
        error = below
    return error


def _check_files(options: RedisOptions) -> None:
    """Raises StoreMisconfigured when it is files of ours that prevent TLS."""
    if options.address().tls:
        try:
            options.ssl_context()
        except (OSError, ssl.SSLError) as error:
            raise StoreMisconfigured(f"TLS files for Redis cannot be used: {error}") from None
