"""The app's real server in a process of its own on a free loopback port, and visitors without a browser.

The server's memory and loaded libraries are read from `/proc`, so they are known on Linux only.
"""

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlencode

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLsRequest
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from effviz import settings
from effviz.bench.benchmark import process_mib
from effviz.errors import SettingsError
from effviz.explain.data_types import Floats

MEMORY_UNKNOWN: Final = "The server's memory is not known: it is read from /proc, on Linux."
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
class AppServer:
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
        return process_mib(self.pid, "VmRSS")

    @property
    def peak_mib(self) -> float | None:
        """The most that it ever held."""
        return process_mib(self.pid, "VmHWM")

    def loaded(self, library: str) -> bool | None:
        """Whether it has a shared library in its memory by now; None where the system does not say."""
        maps = Path(f"/proc/{self.pid}/maps")
        return library in maps.read_text() if maps.exists() else None


@contextmanager
def start_server(
    command: "Callable[[int], list[str]] | None" = None, environment: Mapping[str, str] | None = None
) -> Iterator[AppServer]:
    """Start a server by a command of its port, `streamlit run` if none is given, and stop it at the end of the block.

    Raises:
        SettingsError: the app's script is not here, or the server does not start; its last words are in the sentence.
    """
    script = settings.APP_SCRIPT
    if not script.is_file():
        raise SettingsError(
            f"The app's script {script} is not there: this is measured in a clone of the repository. Run it there."
        )
    with socket.create_server(("127.0.0.1", 0)) as candidate:
        port = int(candidate.getsockname()[1])  # which is free
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    words = command(port) if command else [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})}
    # A file without a name: nothing stays.
    with tempfile.TemporaryFile() as log, _process(words, environ, log) as process:
        server = AppServer(port, process.pid)
        _wait(process, server, log)
        yield server


@contextmanager
def _process(words: list[str], environment: dict[str, str], log: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command in a session of its own: Ctrl-C ends it by way of this process, and in order."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid()), *words],
        cwd=settings.SHIPPED,
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


def _wait(process: "subprocess.Popen[bytes]", server: AppServer, log: IO[bytes]) -> None:
    """Ask again and again; between two questions, notice a server that has died."""
    for _ in range(START_S * 20):
        with suppress(OSError):
            urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=1).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            break
    log.seek(0)
    last = " ".join(log.read().decode(errors="replace").split()[-30:])
    raise SettingsError(
        f"The app's server did not answer within {START_S} s; it said: {last or 'nothing'}. "
        "See that `effviz app` starts."
    )


# Visitors without a browser: each is a real session of the server, over the WebSocket that a browser would open.
# This speaks Streamlit's own messages, so it is the one place below the user interface that imports them.

PATIENCE_S = 300  # of one answer; only a broken server needs it
XSRF = "_streamlit_xsrf"  # the cookie whose value every upload repeats
BOUNDARY = "effviz-bench"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one run of a page."""

    seconds: float  # from asking to the end of the script
    elements: tuple[Element, ...]
    pages: tuple[str, ...] = ()  # of the app, as they stand in the address; "" is the first one

    @property
    def errors(self) -> tuple[str, ...]:
        """Tracebacks, and sentences in red."""
        failed = [each.exception.message for each in self.elements if each.HasField("exception")]
        alerts = [each.alert for each in self.elements if each.HasField("alert")]
        return (*failed, *(alert.body for alert in alerts if alert.format == alert.ERROR))

    def widget(self, key: str) -> str:
        """The full name of a switch, a list of options or an upload box, by its key.

        Raises:
            KeyError: the page has none of this key.
        """
        kinds = ("checkbox", "selectbox", "file_uploader", "button")
        names = (getattr(each, kind).id for each in self.elements if (kind := each.WhichOneof("type")) in kinds)
        for name in names:
            if name.endswith(f"-{key}"):
                return str(name)
        raise KeyError(key)


@dataclass(slots=True)
class Visitor:
    """One open page."""

    socket: ClientConnection
    port: int
    query: str
    page: str
    session: str = ""  # known after the first run
    script: str = ""  # Streamlit's name for the page, known after the first run
    pages: tuple[str, ...] = ()
    widgets: dict[str, WidgetState] = field(default_factory=dict)
    computing: asyncio.Event = field(default_factory=asyncio.Event)  # a progress bar was seen

    def set_widget(self, widget: str, **value: Any) -> None:
        """Use a widget before the next run: a switch has a `bool_value`, a button a `trigger_value`, and so on."""
        self.widgets[widget] = WidgetState(id=widget, **value)

    async def upload(self, widget: str, name: str, data: bytes) -> None:
        """Send a file to the server, as a browser does, and put it into an upload box before the next run."""
        request = FileURLsRequest(request_id=name, file_names=[name], session_id=self.session)
        await self.socket.send(BackMsg(file_urls_request=request).SerializeToString())
        async with asyncio.timeout(PATIENCE_S):
            async for message in self._messages():
                if message.WhichOneof("type") == "file_urls_response":
                    break
            else:
                raise ConnectionError("The server closed the connection before it said where files go.")
        (urls,) = message.file_urls_response.file_urls
        await asyncio.to_thread(_put, f"http://127.0.0.1:{self.port}", urls.upload_url, name, data)
        state = WidgetState(id=widget)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(data), file_id=urls.file_id, file_urls=urls
        )
        self.widgets[widget] = state

    async def _messages(self) -> AsyncIterator[ForwardMsg]:
        async for data in self.socket:
            yield ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())

    async def ask(self) -> Answer:
        """Run the page (again) and wait for its end."""
        state = ClientState(
            query_string=self.query,
            page_name="" if self.script else self.page,
            page_script_hash=self.script,
            widget_states=WidgetStates(widgets=self.widgets.values()),
        )
        started = time.perf_counter()
        await self.socket.send(BackMsg(rerun_script=state).SerializeToString())
        async with asyncio.timeout(PATIENCE_S):
            elements = await self._until_finished()
        return Answer(time.perf_counter() - started, tuple(elements), self.pages)

    async def _until_finished(self) -> Iterable[Element]:
        """Read to the end of the script; an element at a place replaces the one before it."""
        places: dict[tuple[int, ...], Element] = {}
        async for message in self._messages():
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id
                places.clear()
            elif kind == "navigation":
                self.script = message.navigation.page_script_hash
                pages = message.navigation.app_pages
                self.pages = tuple("" if page.is_default else page.url_pathname for page in pages)
            elif kind == "delta" and message.delta.HasField("new_element"):
                places[tuple(message.metadata.delta_path)] = message.delta.new_element
                if message.delta.new_element.HasField("progress"):
                    self.computing.set()
            elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return places.values()
        raise ConnectionError("The server closed the connection before the page's script ended.")


@asynccontextmanager
async def visit(port: int, query: Mapping[str, str], page: str = "", address: str = "") -> AsyncIterator[Visitor]:
    """Open a session of the app on this machine; from an address, as a proxy would tell the server."""
    async with connect(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        proxy=None,
        additional_headers={"X-Forwarded-For": address} if address else {},
    ) as socket:
        yield Visitor(socket, port, urlencode(query), page)


async def visit_once(port: int, query: Mapping[str, str], page: str = "", address: str = "") -> Answer:
    """Open a session, run its page once and leave."""
    async with visit(port, query, page, address) as visitor:
        return await visitor.ask()


def _put(server: str, path: str, name: str, data: bytes) -> None:
    with urllib.request.urlopen(f"{server}/_stcore/health") as answer:
        token = SimpleCookie(answer.headers["Set-Cookie"])[XSRF].value
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Cookie": f"{XSRF}={token}",
        "X-Xsrftoken": token,
    }
    urllib.request.urlopen(urllib.request.Request(f"{server}{path}", body, headers, method="PUT")).close()


# The maps that a page sent to a browser, as numbers again.

GRID_COMPONENT = "effviz_grid"
MAP_TOLERANCE = 4e-3  # of a map's largest value: a half float's rounding, and 1e-3 between engines
ShownMaps = dict[tuple[str, str], Floats]  # photo's sha256, model -> (H, W)


def read_shown_maps(answer: Answer) -> ShownMaps:
    """The map of the class that is explained, for every photo and model of the page's grid."""
    return {
        (photo["id"].split()[1], cell["label"]): _explained_map(cell, cell["maps"])
        for element in answer.elements
        if element.bidi_component.component_name == GRID_COMPONENT
        for photo in json.loads(element.bidi_component.json)[0]["photos"]
        for cell in photo["cells"]
        if cell["maps"]
    }


def _explained_map(cell: dict[str, Any], packed: dict[str, Any]) -> Floats:
    """Unpack one of a cell's maps, half floats that are each divided by its factor: that of the model's first guess."""
    halves = np.frombuffer(base64.b64decode(packed["data"]), "<f2").reshape(-1, packed["rows"], packed["columns"])
    place = cell["classes"].index(cell["first"])
    values: Floats = halves[place].astype(np.float32) * np.float32(packed["factors"][place])
    return values


def is_same_map(shown: Floats | None, expected: Floats) -> bool:
    """Whether a map that was sent is the one that was wanted."""
    if shown is None or shown.shape != expected.shape:
        return False
    return bool(np.abs(shown - expected).max() <= MAP_TOLERANCE * np.abs(expected).max())
