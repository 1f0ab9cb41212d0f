"""Atomic writing of files, the cache folder, and safe reading of files that a user names.

If a file cannot be written or read, one sentence says why.
"""

import errno
import hashlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext

CHOOSE_OUT: Final = lazy_gettext("Choose another location with --out.")
CHOOSE_CACHE: Final = lazy_gettext("Set XDG_CACHE_HOME to a folder that you can write to.")


def write_atomically(path: Path, write: Callable[[BinaryIO], object], sync: bool = True) -> None:
    """Write a new file beside `path`, flush it to disk and rename it; several processes may do so at once.

    Without `sync` it is not flushed: killing the process does no harm, but a power cut may truncate the file.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            write(file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write text as UTF-8; characters that UTF-8 lacks, as in file names of other encodings, are escaped."""
    write_atomically(path, lambda file: file.write(text.encode(errors="backslashreplace")))


@contextmanager
def reporting_write_errors(place: Path, advice: str = CHOOSE_OUT) -> Iterator[None]:
    """Turn an error in writing a file or folder into a SettingsError of one sentence."""
    try:
        yield
    except OSError as error:
        text = _("Cannot write to {place} ({reason}): it must be writable and have free space. {advice}")
        raise SettingsError(text.format(place=place, reason=error.strerror or error, advice=_(advice))) from error


def cache_folder() -> Path:
    """Return EffViz's cache folder, as the XDG specification defines it; it may not exist yet."""
    named = Path(os.environ.get("XDG_CACHE_HOME") or "")
    if named.is_absolute():  # the specification ignores relative paths
        return named / "effviz"
    try:
        return Path.home() / ".cache" / "effviz"
    except RuntimeError:  # users without a home share the temporary folder
        return Path(tempfile.gettempdir()) / "effviz"


# Files that a user names: reading a pipe or a device may never end, and a folder is not a file.


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, without blocking.

    Raises:
        OSError: the file does not exist, is not a regular file, or cannot be read; `strerror` says which.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a null byte in the name, or a character that no file name can have
        raise OSError(errno.EINVAL, str(error)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, _("it is not a regular file"))
    return os.fdopen(handle, "rb")


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return a small file's bytes. Raises OSError as `open_regular` does, or if it is larger than `most_bytes`."""
    with open_regular(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, _("it is larger than {most} bytes").format(most=most_bytes))
    return data


def file_sha256(path: Path) -> str:
    """Return the hexadecimal hash of a file's content. Raises OSError as `open_regular` does."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_json(text: bytes) -> Any:
    """Parse JSON; raises ValueError if it is not valid JSON or is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(_("its brackets are nested too deeply")) from error


def json_text(value: object, plain: bool = False) -> str:
    """Return `value` as JSON, in ASCII if `plain`; NaN and infinity become null."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=plain, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# Results kept for later runs in a folder that others may also write to: each is bound to a name and checked when read.
# The name says what was computed; by default it is the file's name with its folder, because caches move.


def write_sealed(file: Path, content: object, name: str = "") -> None:
    """Write JSON with a hash of its content and name; create the folder if needed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(file, json.dumps({"sha256": _hash_json(file, content, name), "content": content}) + "\n")


def read_sealed(file: Path, most_bytes: int, name: str = "") -> Any:
    """Return the content that `write_sealed` stored under this name.

    Raises:
        OSError: as in `read_regular`.
        ValueError: the file is not sealed, has another name, or was changed since.
    """
    sealed = parse_json(read_regular(file, most_bytes))
    if not isinstance(sealed, dict) or sealed.get("sha256") != _hash_json(file, sealed.get("content"), name):
        raise ValueError(_("its content is not what was stored there"))
    return sealed["content"]


def _hash_json(file: Path, content: object, name: str) -> str:
    named = [name or f"{file.parent.name}/{file.name}", content]
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
