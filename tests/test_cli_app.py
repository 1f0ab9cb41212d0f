"""`effviz app` opens the app from any folder without prompting, and stops on request."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effviz import cli, settings
from effviz.cli import app

SCRIPT = Path(sys.executable).with_name("effviz")


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def open_app(folder: Path, port: int) -> "subprocess.Popen[str]":
    # an empty home folder: Streamlit asks new users for an e-mail address at the first start
    environment = {**os.environ, "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [SCRIPT, "app", "--port", str(port), "--no-browser"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_healthy(server: "subprocess.Popen[str]", port: int) -> bool:
    for _ in range(300):
        if is_healthy(port):
            return True
        try:
            server.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False


def test_app_starts_for_a_new_user_and_stops_when_told_to(tmp_path):
    port = free_port()
    server = open_app(tmp_path, port)
    try:
        assert wait_until_healthy(server, port)
    finally:
        server.terminate()
        said, _ = server.communicate(timeout=60)
    assert f"http://localhost:{port}" in said
    assert "mail" not in said.lower()
    assert server.returncode == 0


OPTION = "from streamlit import config; from streamlit.web import bootstrap; from effviz import cli; "
TELL = "tell = lambda *_: print(config.get_option('runner.fastReruns')); bootstrap.run = tell; "


@pytest.mark.parametrize(
    ("start", "folder"),
    [
        ("bootstrap.load_config_options({}); tell()", settings.SHIPPED),  # streamlit run app.py
        (f"cli.open_app({free_port()}, 'localhost', False)", Path("/")),  # effviz app
    ],
    ids=["streamlit", "effviz"],  # explicit, because the text has a different port in each process of a run
)
def test_two_threads_never_run_one_visitors_script(start, folder):
    done = subprocess.run([sys.executable, "-c", OPTION + TELL + start], cwd=folder, capture_output=True, text=True)
    assert done.stdout.split()[-1:] == ["False"], done.stderr


def test_a_port_in_use_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = open_app(tmp_path, taken.getsockname()[1])
        said, _ = server.communicate(timeout=120)
    assert server.returncode == 1
    assert said.count("\n") == 1
    assert "in use" in said
    assert "--port" in said


def test_without_a_clone_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "APP_SCRIPT", tmp_path / "app.py")
    result = CliRunner().invoke(app, ["app"])
    assert result.exit_code == 1
    assert "runs from a clone of the repository" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_a_browser_opens_only_where_there_is_a_screen(monkeypatch, platform, environment, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli.sys, "platform", platform)
    assert cli._has_screen() is expected
