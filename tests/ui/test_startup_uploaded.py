"""How much the files of all visitors hold."""

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from effviz.ui import startup


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
    with pytest.raises(HTTPException):  # more than anybody has
        put(manager, "new", "d", 90)
    with pytest.raises(HTTPException):
        put(manager, "new", "e", 101)
    assert names(manager) == {"greedy": ["a"], "modest": ["b"]}


def test_the_server_s_manager_is_bounded(manager: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", MemoryUploadedFileManager.add_file)
    startup.bound_uploads()
    with pytest.raises(HTTPException):
        manager.add_file("one", UploadedFileRec("a", "a", "image/jpeg", b"\0" * 101))
