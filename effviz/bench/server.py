"""The app's real server for a measurement: a process of its own on a free loopback port, and what it takes.

Memory and loaded libraries are read from `/proc`, so they are known on Linux only.
"""

import os
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from effviz.errors import SettingsError

CLONE = Path(__file__).parents[2]
START_S = 60
STOP_S = 30
MIB = 2**20

# Becomes the server, which Linux tells to end when the thread that started it is gone, however that came.
_BOUND: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):  # else it was gone before it could be watched
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory_mib(self) -> float | None:
        """What it holds now."""
        return self._status_mib("VmRSS")

    @property
    def peak_mib(self) -> float | None:
        """The most that it ever held."""
        return self._status_mib("VmHWM")

    def loaded(self, library: str) -> bool | None:
        """Whether it has a shared library in its memory by now; None where the system does not say."""
        maps = Path(f"/proc/{self.pid}/maps")
        return library in maps.read_text() if maps.exists() else None

    def _status_mib(self, field: str) -> float | None:
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            return None
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields[field].split()[0]) / 1024  # the file says kB


@contextmanager
def running(
    command: "Callable[[int], list[str]] | None" = None, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a server by a command of its port, `streamlit run` if none is given, and stop it at the end of the block.

    Raises:
        SettingsError: the app's script is not here, or the server does not start; its last words are in the sentence.
    """
    script = CLONE / "app.py"
    if not script.is_file():
        raise SettingsError(
            f"The app's script {script} is not there: this is measured in a clone of the repository. Run it there."
        )
    port = _free_port()
    words, given = (command or _streamlit)(port), {**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})}
    with (
        tempfile.TemporaryFile() as log,
        _process(words, given, log) as process,
    ):  # a file without a name: nothing stays
        server = Server(port, process.pid)
        _wait(process, server, log)
        yield server


@contextmanager
def _process(words: list[str], environment: dict[str, str], log: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command in a session of its own: Ctrl-C ends it by way of this process, and in order."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid()), *words],
        cwd=CLONE,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def effviz_app(port: int) -> list[str]:
    """The command that people type."""
    return [sys.executable, "-m", "effviz", "app", f"--port={port}", "--address=127.0.0.1", "--no-browser"]


def _streamlit(port: int) -> list[str]:
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    return [sys.executable, "-m", "streamlit", "run", "app.py", *options]


def _free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", server: Server, log: IO[bytes]) -> None:
    """Ask again and again; between two questions, notice a server that has died."""
    for _ in range(START_S * 20):
        if _healthy(server.address):
            return
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    log.seek(0)
    last = " ".join(log.read().decode(errors="replace").split()[-30:])
    raise SettingsError(
        f"The app's server did not answer within {START_S} s; it said: {last or 'nothing'}. "
        "See that `effviz app` starts."
    )


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
