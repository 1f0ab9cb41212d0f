"""Files that somebody names: a pipe or a device may never end, and a folder is no file."""

import errno
import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

from effviz.words import _


def opened(path: Path) -> BufferedReader:
    """Open a regular file for reading; nothing is waited for.

    Raises:
        OSError: there is no such file, it is no regular file, or it cannot be read; `strerror` says which.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a zero in the name, or a letter that no name can have
        raise OSError(errno.EINVAL, str(error)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, _("it is no file"))
    return os.fdopen(handle, "rb")


def read(path: Path, most_bytes: int) -> bytes:
    """Return a small file's bytes.

    Raises:
        OSError: as `opened`; or it is larger than that.
    """
    with opened(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, _("it has more than {most} bytes").format(most=most_bytes))
    return data


def parsed_json(text: bytes) -> Any:
    """Return what JSON says.

    Raises:
        ValueError: it is no JSON, or nested more deeply than a person or a program would write it.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(_("its brackets are nested too deeply")) from error
