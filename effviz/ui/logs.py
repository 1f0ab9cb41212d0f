"""What the log does not need: tracebacks of messages that no browser sends, again and again.

Anybody can send them. Each gets one line, and each kind so many lines a minute.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

SOURCES: Final = ("streamlit.web.server.starlette.starlette_websocket", "uvicorn.error")
MOST: Final = 10  # lines of a kind
WINDOW_S: Final = 60.0


class OneLine(logging.Filter):
    """Cuts a record to its sentence, and lets so many of a kind pass in a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[tuple[str, int], deque[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether it is written."""
        now = self._clock()
        passed = self._passed.setdefault((record.pathname, record.lineno), deque(maxlen=MOST))
        if len(passed) == MOST and now - passed[0] < WINDOW_S:
            return False
        passed.append(now)
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = f"{record.getMessage().strip()} ({record.exc_info[0].__name__})", ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def shorten() -> None:
    """Filter the loggers of the server; nothing happens the second time."""
    for name in SOURCES:
        if not any(isinstance(each, OneLine) for each in logging.getLogger(name).filters):
            logging.getLogger(name).addFilter(OneLine())
