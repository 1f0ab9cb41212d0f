"""The wheel opens the whole app in a separate environment and folders with spaces in their names.

The server runs as in docs/deploy.md: under a path of a site, with headers that must not break pages.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from effviz.explain import sample_photos
from tests.browser.conftest import STILL_WAITING, idle, upload

ROOT = Path(__file__).parents[2]
SOURCES = ("effviz", "assets", "models", "docs/study", ".streamlit")
FILES = ("app.py", "setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")

# All pages in the navigation except Paper, whose first section draws in 3D, which takes a while.
PAGES = {
    "Why does my Grad-CAM look wrong?": "wrong_maps",
    "Lesson": "lesson",
    "Scale": "scale",
    "Trade-off": "tradeoff",
    "Glossary": "glossary",
    "Evaluate": "evaluate",
}
CHARTS = ("scale", "tradeoff", "evaluate")
NGINX = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, so that nothing is left in the clone."""
    copy = tmp_path_factory.mktemp("a clone")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    add_network(copy / "models", "mine")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "out", "."]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (copy / "out").iterdir()
    return made


def add_network(models: Path, name: str) -> None:
    """Add a model as `effviz add` does in a clone, which may belong to a developer."""
    rows = json.loads((models / "manifest.json").read_text())
    (models / f"{name}.safetensors").write_bytes(b"x")
    (models / "calibration.json").write_text("{}")
    (models / "manifest.json").write_text(json.dumps([*rows, rows[0] | {"name": name, "file": f"{name}.safetensors"}]))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new environment with the wheel; it shares this environment's other packages, but not the clone."""
    folder = tmp_path_factory.mktemp("some where") / "an env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    shared = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "shared.pth").write_text("\n".join(shared))
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user with an empty home folder."""
    home = tmp_path / "a home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EFFVIZ_", "XDG_", "PYTHON"))}
    return {**kept, "HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def ask(environment: Path, user: dict[str, str], *words: str) -> list[dict[str, object]]:
    command = [environment / "bin" / "effviz", *words, "--json"]
    done = subprocess.run(command, cwd=user["HOME"], env=user, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def test_the_wheel_has_what_the_app_shows(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    beside = {
        "effviz_app.py",
        *(f"effviz/shipped/{name}" for name in (".streamlit/config.toml", "models/manifest.json")),
    }
    assert beside <= names
    for kind in ("*.py", "*.csv", "*.css", "*.js", "*.html", "*.toml", "*.json"):
        missing = {str(file.relative_to(ROOT)) for file in (ROOT / "effviz").rglob(kind)} - names
        assert {name for name in missing if not name.endswith(("tsconfig.json", ".d.ts"))} == set()
    for folder in ("assets", "models/mini", "docs/study"):
        files = {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
        assert {f"effviz/shipped/{path.relative_to(ROOT)}" for path in files} <= names


def test_the_wheel_has_no_network_that_was_added_to_the_clone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        within = "effviz/shipped/models/"
        names = {name.removeprefix(within) for name in file.namelist() if name.startswith(within)}
        listed = [row["name"] for row in json.loads(file.read(f"{within}manifest.json"))]
    assert {name for name in names if not name.startswith("mini/")} == {"README.md", "manifest.json"}
    assert listed == ["mini-baseline", "mini-depth", "mini-width", "mini-resolution", "mini-compound"]


def test_commands_find_what_ships_and_keep_the_rest_in_the_users_folder(
    environment: Path, user: dict[str, str]
) -> None:
    folders = {row["name"]: str(row["value"]) for row in ask(environment, user, "settings")}
    assert folders["EFFVIZ_MODELS"].startswith(user["HOME"])
    assert folders["EFFVIZ_RUNS"].startswith(user["HOME"])
    available = {row["name"] for row in ask(environment, user, "models") if row["available"]}
    assert {"lite0", "mini-baseline", "mini-compound"} <= available


@pytest.fixture
def server(environment: Path, user: dict[str, str]) -> Iterator[int]:
    """Return the port of `effviz app --base-path effviz`."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port = int(candidate.getsockname()[1])
    effviz = environment / "bin" / "effviz"
    command = [effviz, "app", "--port", str(port), "--base-path=effviz", "--no-browser"]
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, cwd=user["HOME"], env=user, stdout=pipe, stderr=subprocess.STDOUT, text=True)
    try:
        while not is_healthy(port):
            assert running.poll() is None, running.stdout and running.stdout.read()
        yield port
    finally:
        running.terminate()
        running.wait(timeout=60)


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/effviz/_stcore/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def site(server: int, request: pytest.FixtureRequest) -> Iterator[str]:
    """Run behind docs/deploy.md's nginx with `location /effviz/`, if nginx is installed."""
    if shutil.which("nginx", path=NGINX) is None:
        yield f"http://localhost:{server}"
        return
    with request.getfixturevalue("behind_nginx")(server, path="/effviz") as before:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{before}/scale")
        with urllib.request.urlopen(f"{before}/effviz/") as answer:
            assert "script-src" in answer.headers["Content-Security-Policy"]
        yield before


def test_the_app_answers_with_five_maps_and_opens_every_page(site: str, browser: Browser) -> None:
    page = browser.new_page()
    page.add_init_script(STILL_WAITING)
    said: list[str] = []
    mistakes: list[str] = []
    sockets: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("websocket", lambda socket: sockets.append(urlsplit(socket.url).path))
    page.goto(f"{site}/effviz/")
    idle(page)
    expect(page.locator("figure.tile canvas[aria-label]")).to_have_count(5)
    every_page_opens(page)
    a_photo_can_be_added(page)
    page.goto(f"{site}/effviz/paper?section=figure7")  # it loads the mini family's files, and draws nothing in 3D
    idle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("The EfficientNet paper, figure by figure")
    expect(page.locator('[data-testid="stException"]')).to_have_count(0)
    expect(page.get_by_role("heading", name="Measured on photos with bounding boxes")).to_be_visible()
    page.close()
    assert mistakes == []
    assert set(sockets) == {"/effviz/_stcore/stream"}
    assert not [text for text in said if "Content Security Policy" in text or "Refused to" in text]


def a_photo_can_be_added(page: Page) -> None:
    upload(page, sample_photos.find("bee").path)
    expect(
        page.get_by_role("group", name="Your own photos").get_by_role("button", name="bee.jpg", exact=True)
    ).to_be_visible()


def every_page_opens(page: Page) -> None:
    heading = page.get_by_role("heading", level=1).first
    for name, path in PAGES.items():
        before = heading.inner_text()
        page.get_by_role("link", name=name, exact=True).click()
        expect(heading).not_to_have_text(before)
        expect(page).to_have_url(re.compile(rf"/effviz/{path}(\?|$)"))
        idle(page)
        expect(page.locator('[data-testid="stException"]')).to_have_count(0)
        if path in CHARTS:
            expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_role("combobox", name="Run")).to_have_value("A first study: 400 photos with boxes")
