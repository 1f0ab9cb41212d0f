"""Every variable is read in one place, validated and printed; folders follow from the variables."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effviz import settings
from effviz.cli import app
from effviz.errors import SettingsError, WeightsError
from effviz.explain.data_types import EngineName
from effviz.zoo import checkpoints, manifest

ROOT = Path(__file__).parents[1]
NAMES = {setting.name for setting in settings.ALL}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Simulate an EffViz installed from a wheel, with shipped files in `shipped` and an empty user folder."""
    monkeypatch.setattr(settings, "IS_CLONE", False)
    monkeypatch.setattr(settings, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "shipped" / "models").mkdir(parents=True)
    return tmp_path


def test_no_other_module_reads_a_variable() -> None:
    elsewhere = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / "effviz").rglob("*.py")
        if file.name != "settings.py"
        for name in re.findall(r"""["'](EFFVIZ_\w+)["'](?!: "1")""", file.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []
    assert len(NAMES) == len(settings.ALL) >= 7


def test_engines_are_those_that_exist() -> None:
    assert set(settings.ENGINES) == {"auto", *EngineName}


def test_the_command_prints_every_variable_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFVIZ_MEMORY_MB", "512")
    monkeypatch.setenv("EFFVIZ_ENGINE", " Torch ")
    done = CliRunner().invoke(app, ["settings", "--json"])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows.keys() == NAMES
    assert (rows["EFFVIZ_MEMORY_MB"]["value"], rows["EFFVIZ_MEMORY_MB"]["from"]) == (512, "environment")
    assert rows["EFFVIZ_ENGINE"]["value"] == "torch"
    assert (rows["EFFVIZ_MODELS"]["value"], rows["EFFVIZ_MODELS"]["from"]) == (str(ROOT / "models"), "default")
    assert rows["EFFVIZ_PHOTOS"]["value"] is None
    shown = CliRunner().invoke(app, ["settings"]).stdout
    assert "EFFVIZ_MEMORY_MB = 512  [environment]" in shown
    assert all(name in shown for name in NAMES)


def test_one_that_means_nothing_is_one_line_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFVIZ_TURN_LIMIT", "-1")
    done = CliRunner().invoke(app, ["settings"])
    assert done.exit_code == 1
    assert done.stderr.startswith("effviz: EFFVIZ_TURN_LIMIT is '-1': it must be a number above 0.")
    with pytest.raises(SettingsError):
        settings.TURN_LIMIT.value()


def test_folders_named_from_here_stay_the_same_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EFFVIZ_RUNS", "my runs")
    settings.fix_folders()
    assert os.environ["EFFVIZ_RUNS"] == str(tmp_path / "my runs")
    assert "EFFVIZ_MODELS" not in os.environ


def test_an_installed_effviz_keeps_what_is_the_users_in_the_users_folder(installed: Path) -> None:
    own = installed / "home" / "effviz"
    assert (settings.MODELS.value(), settings.RUNS.value()) == (own / "models", own / "runs")
    assert settings.model_folders() == (own / "models", installed / "shipped" / "models")


def test_own_models_stand_before_those_that_ship(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, shipped = settings.model_folders()
    both = json.loads((ROOT / "models" / "manifest.json").read_text())[:2]
    (shipped / "manifest.json").write_text(json.dumps(both))
    assert [entry.name for entry in manifest.entries()] == [entry["name"] for entry in both]
    assert {manifest.folder_of(entry) for entry in manifest.entries()} == {shipped}
    own.mkdir(parents=True)
    (own / "manifest.json").write_text(json.dumps([both[0] | {"origin": "mine"}]))
    first = next(entry for entry in manifest.entries() if entry.name == both[0]["name"])
    assert (first.origin, manifest.folder_of(first), len(manifest.entries())) == ("mine", own, 2)
    with pytest.raises(WeightsError, match=re.escape(Path(both[0]["file"]).name)):
        checkpoints.load(first.name)  # searched only in its own folder
    monkeypatch.setenv("EFFVIZ_MODELS", str(own))
    assert [entry.name for entry in manifest.entries()] == [first.name]
