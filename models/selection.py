"""The models of an installation: those of the package by name, and those of one's own files."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Sequence
from pathlib import Path

from afflux.names import ModelName
from models import discover
from models.contract import Model, ModelError


def select(
    names: Sequence[str] = (), files: Sequence[Path] = (), more: Sequence[Model] = ()
) -> tuple[Model, ...]:
    """Models by name, in alphabetical order: every one that there is if no name is given.

    A file is Python code with a value `MODEL`; it replaces the package's model of the same name,
    and so does one of `more`. Raises ModelError.

    >>> [m.spec.name for m in select(["lifetime_value", "churn"])]
    ['churn', 'lifetime_value']
    """
    known = {model.spec.name: model for model in discover()}
    own = [*(from_file(path) for path in files), *more]
    known |= {model.spec.name: model for model in own}
    wanted = {ModelName(name) for name in names} or known.keys()
    for name in wanted:
        if name not in known:
            raise ModelError(f"there is no model {name!r}; there are {', '.join(sorted(known))}")
    return tuple(known[name] for name in sorted(wanted))


def from_file(path: Path) -> Model:
    """The `MODEL` of a Python file. Raises ModelError: no such file, its error with the line."""
    spec = importlib.util.spec_from_file_location(f"afflux_model_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModelError(f"{path}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ModelError(f"{path}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f", line {f.lineno}" for f in frames if f.filename == str(path)]
        at = lines[-1] if lines else ""
        raise ModelError(f"{path}{at}: {type(error).__name__}: {error}") from error
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError(f"{path}: has no MODEL, a models.contract.Model")
    return model
