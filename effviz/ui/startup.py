"""Server start-up: preload models, speed up sockets, shorten the log, and limit uploads."""

import logging
import os
import socket
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from starlette.exceptions import HTTPException
from streamlit.runtime import Runtime, RuntimeState
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from effviz.errors import EffVizError
from effviz.settings import budget_bytes

# Preloading runs in one thread, one step after another. Once a page is open, no further step starts, because visitors
# then load what they need.

PAUSE_S: Final = 0.05  # between checks whether the server is listening
LOOKS: Final = 20  # number of checks for its socket
SCRIPTS: Final = "ScriptRunner"  # prefix of the names of Streamlit's script threads
LAST_S: Final = 5.0
logger = logging.getLogger(__name__)


@contextmanager
def preloading() -> Iterator[None]:
    """Run the server in this context; once it is listening, a separate thread preloads.

    On exit, wait for this thread and the visitors' scripts, because Python crashes if it exits while a thread is in a
    library's native code. Scripts have been told to stop by then; wait at most LAST_S for one that hangs.
    """
    server_ended = threading.Event()
    thread = threading.Thread(target=_when_it_listens, args=(server_ended,), name="preloading")
    thread.start()
    try:
        yield
    finally:
        server_ended.set()
        thread.join()
        until = time.monotonic() + LAST_S
        for running in threading.enumerate():
            if running.name.startswith(SCRIPTS):
                running.join(max(0.0, until - time.monotonic()))


def _when_it_listens(server_ended: threading.Event) -> None:
    while not Runtime.exists() or Runtime.instance().state is RuntimeState.INITIAL:
        if server_ended.wait(PAUSE_S):
            return
    for _look in range(LOOKS):
        if hurry_sockets() or server_ended.wait(PAUSE_S):
            break
    server = Runtime.instance()
    for step in _steps():
        if server_ended.is_set() or server.state is not RuntimeState.NO_SESSIONS_CONNECTED:
            return
        try:
            step()
        except EffVizError as error:  # shown to any visitor who requests the model
            logger.info("Not loaded ahead: %s", error)


def _steps() -> Iterator[Callable[[], object]]:
    """Yield steps: imports for the first page's maps, its initial models, then the rest of the page."""
    from effviz.ui import compare

    yield lambda: import_module(f"{compare.__name__}.photo_grid")
    from effviz.ui import cache
    from effviz.ui.session import MODELS

    for label in MODELS.start():
        yield lambda label=label: cache.model(label)  # type: ignore[misc]
    for module in iter_modules(compare.__path__, f"{compare.__name__}."):
        yield lambda name=module.name: import_module(name)  # type: ignore[misc]


# Streamlit's sockets hold back a small message until the previous one is acknowledged (Nagle's algorithm), which takes
# browsers 40 ms and delays every file and every message of a page. Connections inherit their options from the listening
# socket, which can only be found through the system.

DESCRIPTORS: Final = Path("/dev/fd")


def hurry_sockets() -> bool:
    """Make all open sockets send each message without delay; return whether one of them is listening."""
    listens = False
    for descriptor in map(int, os.listdir(DESCRIPTORS) if DESCRIPTORS.is_dir() else ()):
        with suppress(OSError):  # closed meanwhile
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as duplicate:
                if duplicate.family in (socket.AF_INET, socket.AF_INET6) and duplicate.type == socket.SOCK_STREAM:
                    duplicate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    listens |= bool(duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    return listens


send_at_once = cache(hurry_sockets)  # further calls do nothing

# Invalid messages, which no browser sends but anybody can send repeatedly, need no traceback in the log: each gets one
# line, and the number of lines per minute is limited for each kind.

LOG_SOURCES: Final = ("streamlit.web.server.starlette.starlette_websocket", "uvicorn.error")
MOST_LINES: Final = 10  # of a kind per WINDOW_S
WINDOW_S: Final = 60.0


class OneLineFilter(logging.Filter):
    """Reduce records to one line, and limit the number of each kind per minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[tuple[str, int], deque[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is logged."""
        now = self._clock()
        passed = self._passed.setdefault((record.pathname, record.lineno), deque(maxlen=MOST_LINES))
        if len(passed) == MOST_LINES and now - passed[0] < WINDOW_S:
            return False
        passed.append(now)
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = f"{record.getMessage().strip()} ({record.exc_info[0].__name__})", ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def shorten_log() -> None:
    """Add the filter to the server's loggers; further calls do nothing."""
    for name in LOG_SOURCES:
        if not any(isinstance(log_filter, OneLineFilter) for log_filter in logging.getLogger(name).filters):
            logging.getLogger(name).addFilter(OneLineFilter())


# Streamlit keeps each uploaded file until its page is closed, without a limit. If all files would exceed their share of
# EFFVIZ_MEMORY_MB, the page that holds the most loses its oldest file. A visitor with one photo therefore finds
# room, whatever others have uploaded.

_ADD: Final = MemoryUploadedFileManager.add_file
TOO_LARGE: Final = 413
UPLOADS_SHARE: Final = 0.1  # of the memory, for uploaded files as they are


def bound_uploads() -> None:
    """Limit the size of the server's uploads; further calls do nothing."""
    MemoryUploadedFileManager.add_file = add_upload  # type: ignore[assignment]


def add_upload(manager: MemoryUploadedFileManager, session_id: str, file: UploadedFileRec) -> None:
    """Store a file after making room for it.

    Raises:
        HTTPException: This page already holds the most, or the file is larger than the limit for all.
    """
    most, size = budget_bytes(UPLOADS_SHARE), len(file.data)
    while (held := _held(manager)) and sum(held.values()) + size > most:
        greediest = max(held, key=lambda session: held[session])
        if greediest == session_id or held[greediest] < held.get(session_id, 0) + size:
            break
        manager.remove_file(greediest, next(iter(manager.file_storage[greediest])))
    if sum(held.values()) + size > most:
        raise HTTPException(TOO_LARGE, "The server's space for uploads is full: remove some of your files.")
    _ADD(manager, session_id, file)


def _held(manager: MemoryUploadedFileManager) -> dict[str, int]:
    sessions = {session: list(files.values()) for session, files in list(manager.file_storage.items())}
    return {session: sum(len(file.data) for file in files) for session, files in sessions.items() if files}
