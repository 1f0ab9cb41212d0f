"""Visitors without a browser: each is a real session of the server, over the WebSocket that a browser would open.

This speaks Streamlit's own messages, so it is the one place below the user interface that imports them.
"""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 300  # of one answer; only a broken server needs it
XSRF = "_streamlit_xsrf"  # the cookie whose value every upload repeats
BOUNDARY = "effviz-bench"
WIDGETS = ("checkbox", "selectbox", "file_uploader", "button")


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

    def data(self, component: str) -> Iterable[str]:
        """The data, as JSON, of every component of a name."""
        parts = [each.bidi_component for each in self.elements if each.HasField("bidi_component")]
        return (part.json or part.mixed.json for part in parts if part.component_name == component)

    def widget(self, key: str) -> str:
        """The full name of a switch, a list of options or an upload box, by its key.

        Raises:
            KeyError: the page has none of this key.
        """
        for each in self.elements:
            kind = each.WhichOneof("type")
            if kind in ("checkbox", "selectbox", "file_uploader", "button") and (
                name := str(getattr(each, kind).id)
            ).endswith(f"-{key}"):
                return name
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

    def switch_on(self, widget: str) -> None:
        """Turn a switch on before the next run."""
        self.widgets[widget] = WidgetState(id=widget, bool_value=True)

    def press(self, widget: str) -> None:
        """Press a button with the next run."""
        self.widgets[widget] = WidgetState(id=widget, trigger_value=True)

    def select(self, widget: str, option: str) -> None:
        """Choose an option, by its words, before the next run."""
        self.widgets[widget] = WidgetState(id=widget, string_value=option)

    async def upload(self, widget: str, name: str, data: bytes) -> None:
        """Send a file to the server, as a browser does, and put it into an upload box before the next run."""
        message = BackMsg()
        message.file_urls_request.request_id = name
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session
        await self.socket.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE_S):
            (urls,) = await self._addresses()
        await asyncio.to_thread(_put, f"http://127.0.0.1:{self.port}", urls.upload_url, (name, data))
        state = WidgetState(id=widget)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(data), file_id=urls.file_id, file_urls=urls
        )
        self.widgets[widget] = state

    async def _addresses(self) -> Iterable[FileURLs]:
        async for message in self._messages():
            if message.WhichOneof("type") == "file_urls_response":
                return list(message.file_urls_response.file_urls)
        raise ConnectionError("The server closed the connection before it said where files go.")

    async def _messages(self) -> AsyncIterator[ForwardMsg]:
        async for data in self.socket:
            yield ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())

    async def ask(self) -> Answer:
        """Run the page (again) and wait for its end."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = "" if self.script else self.page
        message.rerun_script.page_script_hash = self.script
        message.rerun_script.widget_states.widgets.extend(self.widgets.values())
        started = time.perf_counter()
        await self.socket.send(message.SerializeToString())
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
    server = f"ws://127.0.0.1:{port}/_stcore/stream"
    headers = {"X-Forwarded-For": address} if address else {}
    async with connect(
        server,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        proxy=None,
        additional_headers=headers,
    ) as socket:
        yield Visitor(socket, port, urlencode(query), page)


def _put(server: str, path: str, file: tuple[str, bytes]) -> None:
    name, data = file
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
