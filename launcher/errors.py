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


class MissingProgram(LauncherError):
    """A program is neither on PATH nor in an installed package."""


class StartFailed(LauncherError):
    """A server process ended or did not answer in time."""
