"""Errors of the launcher.

AffluxError
LauncherError        a message for a person, and a hint what to do
MissingProgram     a program that must be on the machine is not there
StartFailed        a server did not come up; the message ends with its own last words
"""

from __future__ import annotations

from afflux.names import AffluxError


class LauncherError(AffluxError):
    """Something that a person can put right: one line, and a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_HINTS = {
    "RegistryUnavailable": "is AFFLUX_REGISTRY_URL right, and the registry up?",
    "BrokerUnavailable": "is AFFLUX_KAFKA_BOOTSTRAP right, and the broker up? See `afflux doctor`",
    "CannotListen": "choose another address or port: AFFLUX_GATEWAY_HOST, AFFLUX_GATEWAY_PORT",
    "StoreUnavailable": "is AFFLUX_REDIS_URL right, and the server up? See `afflux doctor`",
}
"""By name: the rooms below are imported when they are needed, and errors name no settings."""


def hint_of(error: AffluxError) -> str:
    """What a person can do about an error; empty where nothing is known."""
    hint = getattr(error, "hint", "")
    return hint or next(
        (_HINTS[k.__name__] for k in type(error).__mro__ if k.__name__ in _HINTS), ""
    )


class MissingProgram(LauncherError):
    """A program is neither on PATH nor in an installed package."""


class StartFailed(LauncherError):
    """A server process ended or did not answer in time."""
