"""The app's real server in a separate process on a free loopback port, and visitors without a browser.

The server's memory and loaded libraries are read from `/proc`, so they are known only on Linux.
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
from effviz.errors import SettingsError
from effviz.evaluate.single_core_latency import process_mib
from effviz.explain.data_types import Floats

MEMORY_UNKNOWN: Final = "The server's memory is unknown: it is read from /proc, which exists only on Linux."
START_S = 60
STOP_S = 30
MIB = 2**20

# Becomes the server, which Linux terminates when the thread that started it is gone, for whatever reason.
_BOUND: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):  # otherwise it was gone before this process could watch it
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class AppServer:
    """A running server."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        """The URL of the app."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory_mib(self) -> float | None:
        """The memory that it uses now."""
        return process_mib(self.pid, "VmRSS")

    @property
    def peak_mib(self) -> float | None:
        """The most memory that it has used so far."""
        return process_mib(self.pid, "VmHWM")

    def loaded(self, library: str) -> bool | None:
        """Whether it has loaded a shared library; None if the system does not say."""
        maps = Path(f"/proc/{self.pid}/maps")
        return library in maps.read_text() if maps.exists() else None


@contextmanager
def start_server(
    command: "Callable[[int], list[str]] | None" = None, environment: Mapping[str, str] | None = None
) -> Iterator[AppServer]:
    """Start a server by the `command` for a port, default `streamlit run`, and stop it at the end of the block.

    Raises:
        SettingsError: the app's script is missing, or the server does not start; the message quotes its last output.
    """
    script = settings.APP_SCRIPT
    if not script.is_file():
        raise SettingsError(
            f"The app's script {script} is missing: this benchmark needs a clone of the repository. Run it there."
        )
    with socket.create_server(("127.0.0.1", 0)) as candidate:
        port = int(candidate.getsockname()[1])  # which is free
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    words = command(port) if command else [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})}
    # A file without a name, so that nothing is left behind.
    with tempfile.TemporaryFile() as log, _process(words, environ, log) as process:
        server = AppServer(port, process.pid)
        _wait(process, server, log)
        yield server


@contextmanager
def _process(words: list[str], environment: dict[str, str], log: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command in a separate session: Ctrl+C reaches only this process, which then ends it properly."""
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
    """Return the command line of `effviz app`."""
    return [sys.executable, "-m", "effviz", "app", f"--port={port}", "--address=127.0.0.1", "--no-browser"]


def _wait(process: "subprocess.Popen[bytes]", server: AppServer, log: IO[bytes]) -> None:
    """Poll the server until it answers; stop if its process has ended."""
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
        f"The app's server did not answer within {START_S} s; its last output: {last or 'nothing'}. "
        "Check that `effviz app` starts."
    )


# Visitors without a browser: each is a real session of the server, over the WebSocket that a browser would open.
# They exchange Streamlit's own messages, so this is the only module below the user interface that imports them.

PATIENCE_S = 300  # for one answer; only a broken server takes so long
XSRF = "_streamlit_xsrf"  # the cookie whose value every upload repeats
BOUNDARY = "effviz-bench"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one run of a page."""

    seconds: float  # from the request to the end of the script
    elements: tuple[Element, ...]
    pages: tuple[str, ...] = ()  # of the app, as written in addresses; "" is the first one

    @property
    def errors(self) -> tuple[str, ...]:
        """Tracebacks and error messages."""
        failed = [element.exception.message for element in self.elements if element.HasField("exception")]
        alerts = [element.alert for element in self.elements if element.HasField("alert")]
        return (*failed, *(alert.body for alert in alerts if alert.format == alert.ERROR))

    def widget(self, key: str) -> str:
        """Return the full ID of a checkbox, select box, file uploader or button by its key.

        Raises:
            KeyError: the page has no such widget with this key.
        """
        kinds = ("checkbox", "selectbox", "file_uploader", "button")
        names = (
            getattr(element, kind).id for element in self.elements if (kind := element.WhichOneof("type")) in kinds
        )
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
    computing: asyncio.Event = field(default_factory=asyncio.Event)  # set when a progress bar appears

    def set_widget(self, widget: str, **value: Any) -> None:
        """Set a widget for the next run: a checkbox has a `bool_value`, a button a `trigger_value`, and so on."""
        self.widgets[widget] = WidgetState(id=widget, **value)

    async def upload(self, widget: str, name: str, data: bytes) -> None:
        """Send a file to the server, as a browser does, and put it into a file uploader for the next run."""
        request = FileURLsRequest(request_id=name, file_names=[name], session_id=self.session)
        await self.socket.send(BackMsg(file_urls_request=request).SerializeToString())
        async with asyncio.timeout(PATIENCE_S):
            async for message in self._messages():
                if message.WhichOneof("type") == "file_urls_response":
                    break
            else:
                raise ConnectionError("The server closed the connection before it sent an upload address.")
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
        """Run or rerun the page and wait for its end."""
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
        """Read messages until the script ends; an element replaces the previous one at its place."""
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
    """Open a session of the app on this machine; `address` is the visitor's, as a proxy would report it."""
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


# Decode the maps that a page sent to a browser.

GRID_COMPONENT = "effviz_grid"
MAP_TOLERANCE = 4e-3  # relative to a map's largest value: a half float's rounding, and 1e-3 between engines
ShownMaps = dict[tuple[str, str], Floats]  # photo's sha256, model -> (H, W)


def read_shown_maps(answer: Answer) -> ShownMaps:
    """Return the map of the explained class for every photo and model of the page's grid."""
    return {
        (photo["id"].split()[1], cell["label"]): _explained_map(cell, cell["maps"])
        for element in answer.elements
        if element.bidi_component.component_name == GRID_COMPONENT
        for photo in json.loads(element.bidi_component.json)[0]["photos"]
        for cell in photo["cells"]
        if cell["maps"]
    }


def _explained_map(cell: dict[str, Any], packed: dict[str, Any]) -> Floats:
    """Decode a cell's map of the model's first guess; each map is stored as half floats divided by its factor."""
    halves = np.frombuffer(base64.b64decode(packed["data"]), "<f2").reshape(-1, packed["rows"], packed["columns"])
    place = cell["classes"].index(cell["first"])
    values: Floats = halves[place].astype(np.float32) * np.float32(packed["factors"][place])
    return values


def is_same_map(shown: Floats | None, expected: Floats) -> bool:
    """Whether a map that a page sent equals the expected one, within rounding."""
    if shown is None or shown.shape != expected.shape:
        return False
    return bool(np.abs(shown - expected).max() <= MAP_TOLERANCE * np.abs(expected).max())
