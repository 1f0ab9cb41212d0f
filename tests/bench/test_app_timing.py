"""The benchmark's measurements and report; no time is asserted."""

import json
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from effviz.bench import app_sessions, app_timing, load
from effviz.bench.app_sessions import Answer
from effviz.bench.benchmark import Figure
from effviz.cli import app as command
from effviz.errors import SettingsError
from effviz.explain import sample_photos


def answers(*seconds: float) -> list[Answer]:
    return [Answer(each, ()) for each in seconds]


def test_the_first_run_stands_apart_from_the_median_of_the_others() -> None:
    first, repeated = app_timing._script_rows("", answers(5, 0.1, 0.3, 0.15))
    assert (first.ours, repeated.ours, repeated.target, repeated.met) == (5000, 150, "at most 150 ms", True)
    assert app_timing._script_rows("", answers(5, 0.151))[1].met is False
    assert app_timing._script_rows("scale", answers(1, 2))[1].met is None


def test_no_browser_is_one_sentence_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure every page on one real server; the command starts a new one for each."""

    @contextmanager
    def nothing() -> Iterator[None]:
        raise SettingsError("What a browser shows was not measured.")
        yield

    small = {"models": "lite0@64"}
    for name, value in {"FOUR_MODELS": small, "FIVE_MODELS": small, "REPEATS": 1}.items():
        monkeypatch.setattr(app_timing, name, value)
    monkeypatch.setattr(app_timing, "start_chromium", nothing)
    with app_sessions.start_server() as only:
        monkeypatch.setattr(app_sessions, "start_server", lambda: nullcontext(only))
        measured = list(app_timing._memory_rows(2))  # first, while the server is idle
        monkeypatch.setattr(app_timing, "_memory_rows", lambda comparisons: measured if comparisons == 2 else [])
        result = list(app_timing.bench_app(comparisons=2))
    rows = [row for row in result if isinstance(row, Figure)]
    names = [row.name for row in rows]
    assert [row for row in result if isinstance(row, str)] == ["What a browser shows was not measured."]
    assert {"Script of scale, repeated", "Script of tradeoff, repeated", "Growth over 2 comparisons"} <= set(names)
    memory = [row.ours for row in rows if row.unit == "MiB"]
    assert 0 < memory[0] < memory[1]  # torch and a model need more memory than an idle server
    assert all(row.ours > 0 for row in rows if row.unit == "ms")


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with (
        pytest.raises(SettingsError, match=r"requirements-dev\.txt, and install .* chromium"),
        app_timing.start_chromium(),
    ):
        pytest.fail("It ran.")


ROWS = (
    *(Figure.at_most("Growth", 51.26, 50, "MiB"), Figure("Sessions", 20, ""), Figure("Scale", 120.4, "ms")),
    "A note.",
)


@pytest.mark.parametrize(("name", "module"), [("app", app_timing), ("cold", app_timing), ("load", load)])
def test_rows_as_json_and_as_a_table(monkeypatch: pytest.MonkeyPatch, name: str, module: ModuleType) -> None:
    monkeypatch.setattr(module, f"bench_{name}", lambda *_: ROWS)
    printed = CliRunner().invoke(command, ["bench", name, "--json"])
    assert json.loads(printed.stdout)[:2] == [
        {"name": "Growth", "ours": 51.26, "unit": "MiB", "target": "at most 50 MiB", "met": False},
        {"name": "Sessions", "ours": 20, "unit": "", "target": "", "met": None},
    ]
    assert printed.stderr.strip() == "A note."
    table = CliRunner().invoke(command, ["bench", name]).stdout
    assert [line.split() for line in table.splitlines()[-3:]] == [
        ["Growth", "51.3", "MiB", "at", "most", "50", "MiB:", "missed"],
        ["Sessions", "20"],
        ["Scale", "120", "ms"],
    ]


# The references that first times are compared with; no time is asserted.

VISITS = [app_timing._Visit(1.5, 2.0, 3.0, 500.0, False), app_timing._Visit(1.0, 2.5, 5.0, 710.0, False)]
ROUNDS = [(5, 20, 1, 1, 2, 2), (10, 9, 1.5, 1, 3, 2), (4, 20, 2, 1, 2.5, 2)]  # the median of the imports is 5


def test_ratios_are_of_medians_and_have_the_targets() -> None:
    found = {row.name: row for row in (*app_timing._command_rows(ROUNDS), *app_timing._page_rows(5, VISITS))}
    ratios = {row.name: (row.ours, row.met) for row in found.values() if row.unit == "times"}
    assert ratios == {
        "effviz cam, one model, of the imports": (0.3, True),
        "effviz cam, five models, of the imports": (0.5, False),
        "effviz cam, five models, of the plain script": (0.125, True),
        "First map, of the imports": (0.45, True),
        "Five maps, of the imports": (0.8, True),
    }
    assert found["From the command to the first map"].ours == 3.5
    assert found["Server's memory after the first visit"].ours == 605
    assert found["Torch loaded after the first visit"].met is True


def test_what_fails_is_not_timed() -> None:
    with pytest.raises(SettingsError, match=r"no photo.*each must succeed"):
        app_timing._run_python_s(["-c", "raise SystemExit('no photo')"])


def test_the_plain_script_writes_an_overlay_for_each_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_timing, "COLD_REFS", app_timing.COLD_REFS[:1])
    models = app_timing._weights(tmp_path)
    script = Path(app_timing.__file__).with_name("plain.py")
    monkeypatch.setattr(sys, "argv", [str(script), str(sample_photos.samples()[0].path), str(tmp_path), *models])
    runpy.run_path(str(script), run_name="__main__")
    assert [path.name for path in tmp_path.glob("*.png")] == ["0.png"]
