"""The models that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import LauncherError

if TYPE_CHECKING:
    from launcher.settings import Settings
    from models.contract import Model


def chosen_models(settings: Settings) -> tuple[Model, ...]:
    """All of the package and one's own, or those of AFFLUX_LEARN_MODELS. Raises LauncherError."""
    from launcher.evaluation.choice import choose, named
    from models.challengers import challenged
    from models.contract import ModelError
    from models.selection import select

    files = [Path(name) for name in _names(settings.learn.model_files)]
    try:
        outcomes = named([o for o in settings.learn.outcomes.split(";") if o.strip()], [])
        own = choose(list(outcomes), outcomes) if outcomes else []
        models = select(_names(settings.learn.models), files, own)
        return challenged(models, _names(settings.learn.challengers))
    except ModelError as error:
        raise LauncherError(
            str(error),
            hint="see AFFLUX_LEARN_MODELS, AFFLUX_LEARN_MODEL_FILES and AFFLUX_LEARN_CHALLENGERS",
        ) from error


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
