"""A server's connections and its log: one line per problem, and no visitor's data."""

import inspect
import logging
import os
import socket
import sys
import threading

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from effviz.ui import guard, startup
from effviz.ui.startup import MOST_LINES, WINDOW_S, OneLineFilter


@pytest.mark.skipif(not startup.DESCRIPTORS.is_dir(), reason="the system has no list of a process's sockets")
def test_a_server_s_connections_send_at_once() -> None:
    def hurries(connection: socket.socket) -> bool:
        return bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()), server.accept()[0] as before:
            assert not hurries(before)
            descriptors = os.listdir(startup.DESCRIPTORS)
            assert startup.hurry_sockets()
            assert os.listdir(startup.DESCRIPTORS) == descriptors  # none is left open
            assert hurries(before)
        with socket.create_connection(server.getsockname()), server.accept()[0] as later:
            assert hurries(later)


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


# The size of all visitors' files.


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> MemoryUploadedFileManager:
    monkeypatch.setattr(startup, "budget_bytes", lambda _: 100)
    return MemoryUploadedFileManager("/upload")


def put(manager: MemoryUploadedFileManager, session: str, name: str, size: int) -> None:
    startup.add_upload(manager, session, UploadedFileRec(name, name, "image/jpeg", b"\0" * size))


def names(manager: MemoryUploadedFileManager) -> dict[str, list[str]]:
    return {session: list(files) for session, files in manager.file_storage.items() if files}


def test_the_page_that_holds_most_loses_its_oldest_files_to_a_newcomer(manager: MemoryUploadedFileManager) -> None:
    for name in ("a", "b", "c"):
        put(manager, "greedy", name, 30)
    put(manager, "modest", "d", 10)
    put(manager, "new", "e", 30)
    assert names(manager) == {"greedy": ["b", "c"], "modest": ["d"], "new": ["e"]}


def test_whoever_holds_most_gets_no_more_at_the_cost_of_others(manager: MemoryUploadedFileManager) -> None:
    put(manager, "greedy", "a", 60)
    put(manager, "modest", "b", 30)
    with pytest.raises(HTTPException) as refused:
        put(manager, "greedy", "c", 20)
    assert refused.value.status_code == 413
    with pytest.raises(HTTPException):  # more than any visitor has
        put(manager, "new", "d", 90)
    with pytest.raises(HTTPException):
        put(manager, "new", "e", 101)
    assert names(manager) == {"greedy": ["a"], "modest": ["b"]}


def test_the_server_s_manager_is_bounded(manager: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", MemoryUploadedFileManager.add_file)
    startup.bound_uploads()
    with pytest.raises(HTTPException):
        manager.add_file("one", UploadedFileRec("a", "a", "image/jpeg", b"\0" * 101))


# Shutdown: no thread is in native code when Python exits, which would crash it.


@pytest.mark.parametrize("name", ["preloading", f"{startup.SCRIPTS}.scriptThread"])
def test_what_computes_ends_before_the_server_s_process(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, may_end = threading.Event(), threading.Event()

    def compute(*_: object) -> None:
        may_end.wait(startup.LAST_S)
        ended.set()

    monkeypatch.setattr(startup, "_when_it_listens", compute if name == "preloading" else lambda *_: None)
    with startup.preloading():
        threading.Thread(target=compute, name=name, daemon=True).start()
        assert not ended.is_set()
        threading.Timer(0.1, may_end.set).start()
    assert ended.is_set()


def test_preloading_ends_where_no_server_comes() -> None:
    with startup.preloading():
        assert "preloading" in [each.name for each in threading.enumerate()]
    assert "preloading" not in [each.name for each in threading.enumerate()]


def test_streamlit_s_threads_for_scripts_are_called_so() -> None:
    assert f'name="{startup.SCRIPTS}.' in inspect.getsource(script_runner.ScriptRunner.start)
