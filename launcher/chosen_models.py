"""The models that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.settings import Settings
    from models.contract import Model


def chosen_models(settings: Settings) -> tuple[Model, ...]:
    """All of the package, or those of AFFLUX_LEARN_MODELS. Raises LauncherError."""
    from models.contract import ModelError
    from models.selection import select

    files = [Path(name) for name in _names(settings.learn.model_files)]
    try:
        return select(_names(settings.learn.models), files)
    except ModelError as error:
        raise LauncherError(
            str(error), hint="see AFFLUX_LEARN_MODELS and AFFLUX_LEARN_MODEL_FILES"
        ) from error


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
