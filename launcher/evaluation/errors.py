"""Errors of an evaluation, each kind with an exit code of its own.

LauncherError
MappingError   4   the mapping is wrong in itself
FileError      5   the file cannot be read at all, or does not have what the mapping names
ValueFault     6   a row has a value that cannot be meant
"""

from __future__ import annotations

from launcher.errors import LauncherError


class MappingError(LauncherError):
    """The mapping is wrong in itself."""

    exit_code = 4


class FileError(LauncherError):
    """The file cannot be read, or does not fit the mapping."""

    exit_code = 5


class ValueFault(LauncherError):
    """A row has a value that cannot be meant."""

    exit_code = 6
