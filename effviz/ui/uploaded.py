"""Bounds what the files of all visitors hold: Streamlit keeps each until its page is closed, without a limit.

When they would be more than their share of EFFVIZ_MEMORY_MB, the page that holds most loses its oldest file. So a
visitor who brings one photo finds a place, whatever another one has brought.
"""

from typing import Final

from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from effviz.ui.memory import UPLOADS_SHARE, budget_bytes

_ADD: Final = MemoryUploadedFileManager.add_file
TOO_LARGE: Final = 413


def bound() -> None:
    """Have the server's files bounded; nothing happens the second time."""
    MemoryUploadedFileManager.add_file = add  # type: ignore[assignment]


def add(manager: MemoryUploadedFileManager, session_id: str, file: UploadedFileRec) -> None:
    """Take a file, after making room for it.

    Raises:
        HTTPException: this page holds most already, or the file is larger than all may be.
    """
    most, size = budget_bytes(UPLOADS_SHARE), len(file.data)
    while (held := _held(manager)) and sum(held.values()) + size > most:
        greediest = max(held, key=lambda each: held[each])
        if greediest == session_id or held[greediest] < held.get(session_id, 0) + size:
            break
        manager.remove_file(greediest, next(iter(manager.file_storage[greediest])))
    if sum(held.values()) + size > most:
        raise HTTPException(TOO_LARGE, "This server holds as many files as it may: take some of yours away.")
    _ADD(manager, session_id, file)


def _held(manager: MemoryUploadedFileManager) -> dict[str, int]:
    sessions = {session: list(files.values()) for session, files in list(manager.file_storage.items())}
    return {session: sum(len(file.data) for file in files) for session, files in sessions.items() if files}
