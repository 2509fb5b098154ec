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
    """A row has a value that cannot be meant.

    code: names what is wrong with the one row; empty where no row of the column can be read.
    """

    exit_code = 6

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
