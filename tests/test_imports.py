"""Commands and pages start without torch, and load no heavy package before they need it.

Each test starts a new process, because imports in this one would persist.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "timm", "torchvision", "pytorch_grad_cam", "sklearn"}

STARTED = """
import json, os, sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from effviz.cli import app
from effviz.explain import calibration_run
from effviz.ui.compare import photo_grid

def note(what):
    loaded.setdefault(what, sorted(sys.modules.keys() & set(sys.argv[2:])))

def open_page(page):
    test = AppTest.from_file("app.py", default_timeout=300)
    if page != "compare":
        test.switch_page(f"effviz/ui/pages/{page}.py")
    test.run()
    assert not test.exception and not test.error, (page, test.exception, test.error)
    note(f"page {page}")

show = photo_grid.show
photo_grid.show = lambda *given: (note("first maps"), show(*given))
calibration_run.PLACES, calibration_run.FEWEST = 2, 1  # it measures at two places a side, which takes a second
folder, loaded = Path(sys.argv[1]), {}
photos = folder / "photos"
photos.mkdir()
for name in ("owl", "bee"):
    (photos / f"{name}.jpg").write_bytes(Path(f"assets/samples/{name}.jpg").read_bytes())
for command in (
    "scale --phi 1",
    "plan --depth 1 --width 1 --resolution 224",
    "solve --macs 1e9",
    "models",
    f"cam {photos}/owl.jpg --models lite0@64,scaled-d1-w1@64 --out {folder}/maps",
    "calibrate lite0@96",
    f"evaluate {photos} --models lite0@64,mini-baseline@64 --metrics deletion,drop,adcc --targets prediction "
    f"--out {folder}/run",
    f"report {folder}/run --out {folder}/report.html --photos {photos}",
):
    if command.startswith("calibrate"):
        os.environ["EFFVIZ_MODELS"] = str(folder / "models")  # where it keeps what it measured
    if command.startswith("evaluate"):
        open_page("compare")  # before anything that has tables
    app(command.split(), standalone_mode=False)
    os.environ.pop("EFFVIZ_MODELS", None)
    note(command.split()[0])
for page in ("scale", "tradeoff", "paper", "evaluate"):
    open_page(page)
print(json.dumps(loaded))
"""

# Makes the named packages look uninstalled to Python.
HIDING = """
import sys
from importlib.machinery import PathFinder

found = PathFinder.find_spec

def without(name, path=None, target=None):
    return None if name.partition(".")[0] in sys.argv[1:] else found(name, path, target)

PathFinder.find_spec = without
"""

WITHOUT = (
    HIDING
    + """
import json
from effviz.cli import app
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

said = {}
for command in (
    "cam assets/samples/owl.jpg --models lite0@64 --out /nowhere --method eigengradcam",
    "cam assets/samples/owl.jpg --models lite0@64 --out /nowhere --method kpcacam",
    "cam assets/samples/owl.jpg --models lite0@64 --out /nowhere --method fullgrad",
    "train short --data .",
    "search --data .",
    "bench scaling",
    "bench cam",
    "bench latency",
):
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 1, (command, done.stderr, done.exception)
    said[command] = done.stderr
page = AppTest.from_file("app.py", default_timeout=300)
page.query_params["models"] = "lite0@64"
page.query_params["photos"] = "owl"
page.run()
assert not page.exception and not page.error and not page.warning, (page.exception, page.error, page.warning)
page.button(key="sanity").click().run()
said["Break the network"] = page.warning[0].value
print(json.dumps(said))
"""
)


def fresh(script: str, *arguments: object, **environment: str) -> dict[str, list[str]]:
    """Run a script in a new process, in the clone's folder; return the last line that it printed."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    settings = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_commands_and_pages_load_no_torch_and_pandas_only_for_tables(tmp_path: Path) -> None:
    loaded = fresh(STARTED, tmp_path, *HEAVY, "matplotlib", "pandas", XDG_CACHE_HOME=str(tmp_path))
    pages = [f"page {page}" for page in ("compare", "scale", "tradeoff", "paper", "evaluate")]
    assert loaded == {
        **{command: [] for command in ("scale", "plan", "solve", "models", "cam", "calibrate", "first maps")},
        **{each: ["pandas"] for each in ("evaluate", "report", *pages)},  # tables of measurements
    }


def test_without_torch_what_needs_it_says_so_in_one_sentence() -> None:
    said = fresh(WITHOUT, *HEAVY)
    assert len(said) == 9
    for sentence in said.values():
        assert sentence.strip().count("\n") == 0
        assert "which this installation does not include" in sentence
        assert "pip install -r requirements.txt" in sentence
