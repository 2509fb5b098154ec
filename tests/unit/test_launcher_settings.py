"""Settings: where they come from, what is refused, what is shown, and that all are documented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from launcher.cli import app
from launcher.connect import complete
from launcher.errors import LauncherError
from launcher.settings import fields, load, variable
from launcher.settings_docs import configuration, env_example

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and no AFFLUX_ variable from outside."""
    import os

    for name in [n for n in os.environ if n.startswith("AFFLUX_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_environment_wins_over_dotenv_and_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, then .env, then TOML, then the default."""
    Path("afflux.toml").write_text(
        'partitions = 9\n[kafka]\nbootstrap = "toml:1"\ngroup = "toml"\n[limits]\nskew_s = 7\n'
    )
    Path(".env").write_text("AFFLUX_KAFKA_BOOTSTRAP=dotenv:1\nAFFLUX_KAFKA_GROUP=dotenv\n")
    monkeypatch.setenv("AFFLUX_KAFKA_BOOTSTRAP", "env:1")
    settings = load()
    assert settings.kafka.bootstrap == "env:1"
    assert settings.kafka.group == "dotenv"
    assert (settings.partitions, settings.limits.skew_s) == (9, 7)
    assert settings.limits.max_bytes == 1_000_000


def test_the_toml_file_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AFFLUX_CONFIG names the file; one that is missing is an error, not silence."""
    path = tmp_path / "other.toml"
    monkeypatch.setenv("AFFLUX_CONFIG", str(path))
    with pytest.raises(LauncherError, match="does not exist"):
        load()
    path.write_text("partitions = 12")
    assert load().partitions == 12


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AFFLUX_KAFKA_BOOTSTRAPS", "AFFLUX_KAFKA_BOOTSTRAP"),
        ("AFFLUX_PARTITION", "AFFLUX_PARTITIONS"),
        ("AFFLUX_ZZZ", "docs/configuration.md"),
    ],
)
def test_a_misspelt_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    """A variable that is no setting is an error that names the nearest one."""
    monkeypatch.setenv(name, "1")
    with pytest.raises(LauncherError, match=name) as caught:
        load()
    assert hint in caught.value.hint


@pytest.mark.parametrize("where", [".env", "afflux.toml"])
def test_a_misspelt_name_in_a_file_is_refused(where: str) -> None:
    """The same for both files, which are named."""
    text = {".env": "AFFLUX_KAFKA_GROPU=x", "afflux.toml": "[kafka]\ngropu = 'x'"}
    Path(where).write_text(text[where])
    with pytest.raises(LauncherError, match=f"AFFLUX_KAFKA_GROPU in {where}"):
        load()


def test_a_wrong_value_names_the_setting_and_not_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message has the setting's name; values may be secrets and are not repeated."""
    monkeypatch.setenv("AFFLUX_LIMITS_MAX_BYTES", "hunter2")
    with pytest.raises(LauncherError, match="AFFLUX_LIMITS_MAX_BYTES") as caught:
        load()
    assert "hunter2" not in str(caught.value)


def test_secrets_are_masked_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither `afflux config` nor a repr shows a secret; addresses stay readable."""
    secrets = {
        "AFFLUX_SECRET": "hunter2",
        "AFFLUX_KAFKA_SASL_PASSWORD": "hunter2",
        "AFFLUX_KAFKA_SSL_KEY_PASSWORD": "hunter2",
        "AFFLUX_REDIS_PASSWORD": "hunter2",
        "AFFLUX_REGISTRY_PASSWORD": "hunter2",
        "AFFLUX_REDIS_URL": "redis://me:hunter2@cache.example:6379/0",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    assert "hunter2" not in repr(load())
    for arguments in (["config"], ["config", "--json"]):
        done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
        assert done.exit_code == 0
        assert "hunter2" not in done.output
        assert "cache.example:6379" in done.output
    shown = json.loads(CliRunner().invoke(app, ["config", "--json"]).output)
    assert shown["secret"] == "********"


def test_every_setting_is_in_env_example() -> None:
    """`.env.example` has every setting, with its default, and nothing else."""
    assert (ROOT / ".env.example").read_text() == env_example()
    names = {
        line.removeprefix("#").partition("=")[0]
        for line in env_example().splitlines()
        if line.startswith("#AFFLUX_")
    }
    assert names == {variable(group, name) for group, name, _ in fields()}


def test_the_env_example_is_valid() -> None:
    """All its lines, uncommented, load and give the defaults."""
    lines = [x.removeprefix("#") for x in env_example().splitlines() if x.startswith("#AFFLUX_")]
    default = load()
    Path(".env").write_text("\n".join(lines))
    assert load() == default


def test_every_setting_is_documented() -> None:
    """`docs/configuration.md` is what the settings say; each has a description."""
    assert (ROOT / "docs" / "configuration.md").read_text() == configuration()
    assert all(info.description for _, _, info in fields())


def test_a_dead_stack_is_not_used(tmp_path: Path) -> None:
    """A run.json whose process is gone does not fill in addresses."""
    folder = tmp_path / ".afflux"
    folder.mkdir()
    run = {"broker": "embedded", "bootstrap": "x:1", "redis_url": "redis://x:2", "partitions": 3}
    (folder / "run.json").write_text(json.dumps({"pid": 2**22 + 5, **run}))
    assert complete(load()).kafka.bootstrap == ""
    import os

    (folder / "run.json").write_text(json.dumps({"pid": os.getpid(), **run}))
    settings = complete(load())
    assert (settings.kafka.bootstrap, settings.partitions) == ("x:1", 3)
    assert settings.redis.url.get_secret_value() == "redis://x:2"
