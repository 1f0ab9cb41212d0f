"""The log of a public server: one line for what is wrong, and nothing that belongs to a visitor."""

import logging
import sys

import pytest

from effviz.ui import guard, startup
from effviz.ui.startup import MOST_LINES, WINDOW_S, OneLineFilter


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("effviz.tests.logs")


def record(log: logging.Logger, line: int = 1) -> logging.LogRecord:
    try:
        raise TypeError("text frames\nare not supported")
    except TypeError:
        return log.makeRecord(log.name, logging.ERROR, "socket.py", line, "Exception in ASGI\n", (), sys.exc_info())


def test_a_malformed_message_is_one_line_and_not_a_traceback(log: logging.Logger) -> None:
    of = record(log)
    assert OneLineFilter().filter(of)
    assert logging.Formatter().format(of) == "Exception in ASGI (TypeError)"


def test_so_many_lines_of_a_kind_pass_in_a_minute(log: logging.Logger) -> None:
    now = [0.0]
    rule = OneLineFilter(lambda: now[0])
    assert [rule.filter(record(log)) for _ in range(MOST_LINES + 3)] == [True] * MOST_LINES + [False] * 3
    assert rule.filter(record(log, line=2))
    now[0] = WINDOW_S
    assert rule.filter(record(log))


def test_the_server_s_loggers_have_it_once() -> None:
    for _ in range(2):
        startup.shorten_log()
    for name in startup.LOG_SOURCES:
        assert sum(isinstance(each, OneLineFilter) for each in logging.getLogger(name).filters) == 1


@pytest.mark.parametrize("public", [True, False])
def test_a_mistake_of_ours_names_no_visitor_s_file_in_a_public_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, public: bool
) -> None:
    monkeypatch.setenv("EFFVIZ_PUBLIC", str(int(public)))
    name = "holiday with Ada.jpg"
    with guard.last_guard():
        raise ValueError(name)
    assert "A page failed" in caplog.text
    assert "ValueError" in caplog.text
    assert "test_startup.py" in caplog.text  # where it was
    assert ("Ada" in caplog.text) != public
