"""All settings, from `AFFLUX_...` variables, `.env`, and a TOML file, in this order."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from launcher.errors import LauncherError
from launcher.setting_groups import (
    ExpirySettings,
    GatewaySettings,
    Group,
    KafkaSettings,
    LearnSettings,
    LimitSettings,
    RedisSettings,
    RegistrySettings,
    SilenceSettings,
    TimelineSettings,
    VerifySettings,
    WorkerSettings,
)

PREFIX = "AFFLUX_"
TOML_FILE = "afflux.toml"
OUTSIDE = frozenset({"AFFLUX_CONFIG", "AFFLUX_CACHE_DIR"})
"""Variables that are no settings: where the TOML file is, where downloads are kept."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Field(Path(".afflux"), description="folder of the stack that we start")
    partitions: int = Field(
        4, ge=1, description="partitions of the input topics; fixed at installation"
    )
    secret: SecretStr = Field(
        SecretStr(""),
        description="key that signs control records, the same for all workers and tools; "
        "empty: the one that a started stack keeps in its data folder",
    )
    kafka: KafkaSettings = Field(default_factory=lambda: KafkaSettings.model_construct())
    redis: RedisSettings = Field(default_factory=lambda: RedisSettings.model_construct())
    registry: RegistrySettings = Field(default_factory=lambda: RegistrySettings.model_construct())
    limits: LimitSettings = Field(default_factory=lambda: LimitSettings.model_construct())
    worker: WorkerSettings = Field(default_factory=lambda: WorkerSettings.model_construct())
    verify: VerifySettings = Field(default_factory=lambda: VerifySettings.model_construct())
    silence: SilenceSettings = Field(default_factory=lambda: SilenceSettings.model_construct())
    expiry: ExpirySettings = Field(default_factory=lambda: ExpirySettings.model_construct())
    timeline: TimelineSettings = Field(default_factory=lambda: TimelineSettings.model_construct())
    learn: LearnSettings = Field(default_factory=lambda: LearnSettings.model_construct())
    gateway: GatewaySettings = Field(default_factory=lambda: GatewaySettings.model_construct())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, `.env`, TOML."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file())
        return init_settings, env_settings, dotenv_settings, toml


def toml_file() -> Path:
    """The TOML file: `$AFFLUX_CONFIG`, else `afflux.toml` in the current folder."""
    return Path(os.environ.get("AFFLUX_CONFIG", TOML_FILE))


def fields() -> Iterator[tuple[str, str, Any]]:
    """(group or "", name, pydantic field) of every setting."""
    for name, info in Settings.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            for inner, inner_info in kind.model_fields.items():
                yield name, inner, inner_info
        else:
            yield "", name, info


def variable(group: str, name: str) -> str:
    """The environment variable of a setting.

    >>> variable("kafka", "sasl_password")
    'AFFLUX_KAFKA_SASL_PASSWORD'
    """
    return PREFIX + "_".join(part for part in (group, name) if part).upper()


def load(**values: Any) -> Settings:
    """The settings in force; `values` win. Raises LauncherError with the name that is wrong."""
    _refuse_unknown()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise LauncherError("; ".join(_problems(error)), hint="see docs/configuration.md") from None
    except tomllib.TOMLDecodeError as error:
        raise LauncherError(f"{toml_file()} is not TOML: {error}") from None


def _problems(error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_input=False, include_url=False):
        parts = [str(part) for part in one["loc"]]
        yield f"{variable('', '_'.join(parts))}: {one['msg']}"


def _refuse_unknown() -> None:
    known = {variable(group, name) for group, name, _ in fields()}
    groups = {variable(group, "") for group, _, _ in fields() if group}
    for place, names in _given():
        for name in sorted(names - known - groups - OUTSIDE):
            close = difflib.get_close_matches(name, known, 1, 0.8)
            raise LauncherError(
                f"{name} in {place} is not a setting",
                hint=f"did you mean {close[0]}?" if close else "see docs/configuration.md",
            )


def _given() -> Iterator[tuple[str, set[str]]]:
    yield "the environment", _ours(os.environ)
    yield ".env", _ours(dotenv_values(".env"))
    path = toml_file()
    if path.exists():
        yield str(path), set(_flat(tomllib.loads(path.read_text())))
    elif "AFFLUX_CONFIG" in os.environ:
        raise LauncherError(f"the file {path} (AFFLUX_CONFIG) does not exist")


def _ours(names: Mapping[str, str | None]) -> set[str]:
    return {name.upper() for name in names if name.upper().startswith(PREFIX)}


def _flat(tree: Mapping[str, Any]) -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from (variable(name, inner) for inner in value)
        else:
            yield variable("", name)
