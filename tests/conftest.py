import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from effviz import i18n
from effviz.explain.data_types import ActivationMap, Box, Method, TargetLayer

if TYPE_CHECKING:
    from effviz.zoo.model import Model

# One temporary folder for everything that tests and their child processes leave behind; it is deleted at the end.
_TEMPORARY = tempfile.TemporaryDirectory(prefix="effviz-tests-", ignore_cleanup_errors=True)
os.environ["TMPDIR"] = tempfile.tempdir = _TEMPORARY.name
set_hypothesis_home_dir(f"{_TEMPORARY.name}/hypothesis")
settings.register_profile("untimed", deadline=None, database=None)
settings.load_profile("untimed")

signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends a run cleanly, with its summary, like Ctrl-C

HERE = Path(__file__).parent
# These tests and those of Hypothesis run the same lines hundreds of times; with coverage they take half as long again.
UNCOUNTED = {
    HERE / name
    for name in (
        "evaluate/test_coverage.py",
        "explain/test_engines.py",
        "explain/test_openvino_engine.py",
        "explain/test_receptive_fields.py",
        "explain/test_threads.py",
        "scaling/test_coefficient_grid.py",
        "scaling/test_feasible_region.py",
        "scaling/test_plans.py",
        "scaling/test_solver.py",
        "test_catalogue.py",
        "test_routed.py",
        "test_study.py",
        "zoo/test_shipped.py",
    )
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark page tests, which are one half of the whole run (see run_all.py), and tests that run without coverage.

    A browser test that fails is retried once: a late frame on a busy machine is not the app's fault. The summary names
    each retried test with its failure, because a test that is retried often has a race that needs fixing.
    Ray tests run last, so that no cluster uses the CPU during other tests.
    """
    items.sort(key=lambda item: item.get_closest_marker("ray") is not None)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.path.is_relative_to(HERE / "ui") or item.path.is_relative_to(HERE / "browser"):
            item.add_marker("page")
        elif item.get_closest_marker("page"):
            raise pytest.UsageError(f"{item.nodeid} looks at pages: its place is tests/ui or tests/browser")
        if item.path in UNCOUNTED or item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


MapMaker = Callable[..., ActivationMap]
WHOLE = Box(0, 0, 224, 224)


@pytest.fixture(scope="session")
def make_map() -> MapMaker:
    """Return a function that builds a map from plain numbers and fills in everything else."""

    def make(values: object, seen: Box = WHOLE, **changes: object) -> ActivationMap:
        array = np.asarray(values, dtype=np.float32)
        array.setflags(write=False)
        fields: dict[str, object] = {
            "values": array,
            "bias": 0.0,
            "method": Method.CAM,
            "layer": TargetLayer.LAST,
            "model": "lite0@224",
            "weights_sha256": "a" * 64,
            "trained": True,
            "photo": "dog.jpg",
            "photo_sha256": "0" * 64,
            "photo_size": (224, 224),
            "target_index": 235,
            "target_name": "German Shepherd Dog",
            "logit": 7.5,
            "probability": 0.9,
            "seen": seen,
        }
        return ActivationMap(**(fields | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def loaded() -> "Callable[[str], Model]":
    """Return a loader that caches its models, and thus their engines, for tests that only read them."""
    from effviz.zoo import catalogue, loading

    return functools.cache(lambda label: loading.load(catalogue.parse_model(label)))


Translate = Callable[[str, dict[str, str]], None]


@pytest.fixture
def translate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Translate]:
    """Return a function that writes a language's catalogue from {source text: translation}; there are no others."""
    monkeypatch.setattr(i18n, "LOCALES", tmp_path / "locales")
    i18n._catalogue.cache_clear()

    def write(language: str, texts: dict[str, str]) -> None:
        folder = tmp_path / "locales" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "effviz.mo").write_bytes(compiled({"": HEADER} | texts))

    yield write
    i18n._catalogue.cache_clear()


HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"


def compiled(texts: dict[str, str]) -> bytes:
    """Return a catalogue in the format of gettext's manual ("The Format of GNU MO Files"), without a hash table."""
    entries = sorted((source.encode(), text.encode()) for source, text in texts.items())
    tables, bodies = b"", b""
    start = 28 + 2 * 8 * len(entries)  # of the texts, after the header and two tables of lengths and offsets
    for column in zip(*entries, strict=True):
        for body in column:
            tables += struct.pack("<2I", len(body), start + len(bodies))
            bodies += body + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    return header + tables + bodies


@pytest.fixture(scope="session")
def descendants() -> Callable[[bytes], list[int]]:
    """Return a function that finds descendants of this process by a word in their command lines."""

    def find(word: bytes) -> list[int]:
        parents, commands = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                commands[int(folder.name)] = (folder / "cmdline").read_bytes()
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):  # the process has ended
                continue

        def is_ours(pid: int) -> bool:
            while pid in parents:
                pid = parents[pid]
                if pid == os.getpid():
                    return True
            return False

        return sorted(pid for pid, command in commands.items() if word in command and is_ours(pid))

    return find


@pytest.fixture(scope="session")
def one_ray(descendants: Callable[[bytes], list[int]]) -> Iterator[str]:
    """Start one Ray cluster with three cores for all tests, and return its HOST:PORT; stop it after the tests.

    Code in this process that connects to a cluster gets this one; other processes connect by the address.
    """
    from effviz import cluster

    with pytest.MonkeyPatch.context() as environment, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        environment.setenv("RAY_TMPDIR", folder)  # a short path: sockets allow 107 characters
        environment.setenv("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # one process less per start of workers
        with pytest.MonkeyPatch.context() as of_workers:
            of_workers.setenv("XDG_CACHE_HOME", f"{folder}/cache")
            started = ExitStack()
            started.enter_context(cluster.connect(cluster.Cluster(2), free=1))
        with started:
            import ray

            yield ray.get_runtime_context().gcs_address
        deadline = time.monotonic() + 60
        while left := descendants(b"ray::") + descendants(b"/ray/"):
            assert time.monotonic() < deadline, left
            time.sleep(0.1)  # leave the core to the processes that have to end


@pytest.fixture
def behind_nginx(tmp_path: Path) -> Callable[..., AbstractContextManager[str]]:
    """Return a function that runs nginx with deploy/nginx.conf in front of a port, optionally at a path."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        pytest.skip("nginx is not installed (Debian package nginx)")

    @contextmanager
    def run(upstream: int, frames: bool = False, path: str = "") -> Iterator[str]:
        with socket.socket() as candidate:
            candidate.bind(("127.0.0.1", 0))
            port = int(candidate.getsockname()[1])
        text = _nginx_conf(tmp_path, port, upstream, frames).replace("location /", f"location {path}/")
        (tmp_path / "nginx.conf").write_text(text)
        command = [nginx, "-p", str(tmp_path), "-c", "nginx.conf", "-e", str(tmp_path / "start.log")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            while not _answers(port):
                assert server.poll() is None, (tmp_path / "start.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)

    return run


def _nginx_conf(folder: Path, port: int, upstream: int, frames: bool) -> str:
    deploy = Path(__file__).parents[1] / "deploy"
    text = (deploy / "nginx.conf").read_text()
    for ours, theirs in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("127.0.0.1:8501", f"127.0.0.1:{upstream}"),
        ("/var/log/nginx/effviz.log", str(folder / "error.log")),
        ("include effviz-proxy.conf", f"include {deploy / 'effviz-proxy.conf'}"),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    if frames:  # as docs/deploy.md describes
        assert text.count("# ~^") == 2
        text = text.replace("# ~^", "~^")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    user = "user root root;" if os.geteuid() == 0 else ""  # so that its workers may write to the test's folder
    mime = "include /etc/nginx/mime.types;" if Path("/etc/nginx/mime.types").exists() else ""
    return f"{user} daemon off; pid {folder / 'pid'}; events {{}} http {{ {mime} {places}\n{text}\n}}"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
