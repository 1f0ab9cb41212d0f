"""The test runner says which half failed and why, and ends cleanly when interrupted."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

BOTH = """
    import pytest

    def test_core():
        assert 1 + 1 == 3, "core is wrong"

    @pytest.mark.page
    def test_page():
        pass
"""
WAITING = """
    import pathlib, threading, pytest

    HERE = pathlib.Path(__file__).parent

    @pytest.fixture
    def server(request):
        (HERE / f"{request.function.__name__}.opened").touch()
        yield
        (HERE / f"{request.function.__name__}.closed").touch()

    def test_core(server):
        threading.Event().wait(60)

    @pytest.mark.page
    def test_page(server):
        threading.Event().wait(60)
"""


def start(folder: Path, tests: str) -> "subprocess.Popen[str]":
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = page\n")
    (folder / "test_it.py").write_text(textwrap.dedent(tests))
    (folder / "coverage.ini").write_text(f"[run]\nsource = {folder}\n")  # not all of effviz, which takes seconds
    without = [f"-pno:{plugin}" for plugin in ("cacheprovider", "anyio", "hypothesispytest")]  # slow to start
    command = [sys.executable, str(ROOT / "tests" / "run_all.py"), *without, str(folder / "test_it.py")]
    environment = os.environ | {"COVERAGE_RCFILE": str(folder / "coverage.ini")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def test_files_that_are_not_counted_are_there() -> None:
    """Otherwise a renamed file would silently run with coverage, and take half as long again."""
    names = re.findall(r'"(\w+(?:/\w+)*\.py)"', (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    assert len(names) > 10
    assert [name for name in names if not (ROOT / "tests" / name).is_file()] == []


def test_the_last_lines_say_which_half_failed_and_why(tmp_path: Path) -> None:
    process = start(tmp_path, BOTH)
    output, _ = process.communicate()
    last = output.splitlines()[-20:]
    assert process.returncode == 1
    assert any(line.startswith("pages: exit code 0, 1 passed, 1 deselected") for line in last)
    assert any(line.startswith("core: exit code 1, 1 failed, 1 deselected") for line in last)
    assert any("test_core" in line and "core is wrong" in line for line in last)
    assert last[-1] == "1 passed, 1 failed, 0 skipped"


def test_an_interrupted_run_closes_what_both_halves_opened(tmp_path: Path) -> None:
    process = start(tmp_path, WAITING)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.opened"))) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)  # leave the core to the process under test
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.count("KeyboardInterrupt") >= 2, output
    assert {file.name for file in tmp_path.glob("*.closed")} == {"test_core.closed", "test_page.closed"}
