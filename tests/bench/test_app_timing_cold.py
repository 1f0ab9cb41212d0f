"""What first times are compared with; no time is asserted."""

import subprocess
import sys
from pathlib import Path

import pytest

from effviz.bench import app_timing
from effviz.errors import SettingsError
from effviz.explain import sample_photos

VISITS = [app_timing._Visit(1.5, 2.0, 3.0, 500.0, False), app_timing._Visit(1.0, 2.5, 5.0, 710.0, False)]
TIMES = app_timing._ColdTimes([5, 10, 4], [20, 9, 20], [1, 1.5, 2], [1, 1, 1], [2, 3, 2.5], [2, 2, 2], VISITS)


def test_ratios_are_of_medians_and_have_the_targets() -> None:
    found = {row.name: row for row in (*app_timing._command_rows(TIMES), *app_timing._page_rows(TIMES))}
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
    with pytest.raises(SettingsError, match=r"no photo.*has to work"):
        app_timing._run_python_s(["-c", "raise SystemExit('no photo')"])


def test_the_plain_script_writes_an_overlay_for_each_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_timing, "COLD_REFS", app_timing.COLD_REFS[:1])
    models = app_timing._weights(tmp_path)
    script = Path(app_timing.__file__).with_name("plain.py")
    command = [sys.executable, str(script), str(sample_photos.samples()[0].path), str(tmp_path), *models]
    subprocess.run(command, check=True)
    assert [path.name for path in tmp_path.glob("*.png")] == ["0.png"]
