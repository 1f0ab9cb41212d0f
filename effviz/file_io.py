"""Files that are written whole or not at all, the cache folder, and files that somebody names, read with care.

A file that cannot be written or read gives one sentence that says why.
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

CHOOSE_OUT: Final = lazy_gettext("Choose another one with --out.")
CHOOSE_CACHE: Final = lazy_gettext("Set XDG_CACHE_HOME to a folder of yours.")


def write_atomically(path: Path, write: Callable[[BinaryIO], object], sync: bool = True) -> None:
    """Write beside the place, wait for the disk, then move it there; several processes may do so at once.

    Without `sync` nobody waits: killing the process does no harm, but after a power cut the file may be cut off.
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
    """Write text as UTF-8; characters that are not valid text, as in file names of other encodings, are escaped."""
    write_atomically(path, lambda file: file.write(text.encode(errors="backslashreplace")))


@contextmanager
def reporting_write_errors(place: Path, advice: str = CHOOSE_OUT) -> Iterator[None]:
    """Make one sentence, a SettingsError, of what keeps a file or a folder from being written."""
    try:
        yield
    except OSError as error:
        text = _("Nothing can be written to {place} ({reason}): it must be writable and have space. {advice}")
        raise SettingsError(text.format(place=place, reason=error.strerror or error, advice=_(advice))) from error


def cache_folder() -> Path:
    """Return the cache folder of EffViz, by the XDG rules; it may not exist yet."""
    named = Path(os.environ.get("XDG_CACHE_HOME") or "")
    if named.is_absolute():  # by those rules another path does not count
        return named / "effviz"
    try:
        return Path.home() / ".cache" / "effviz"
    except RuntimeError:  # users without a home share the temporary folder
        return Path(tempfile.gettempdir()) / "effviz"


# Files that somebody names: a pipe or a device may never end, and a folder is no file.


def open_regular(path: Path) -> BufferedReader:
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


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return a small file's bytes. Raises OSError as `open_regular`, or where it is larger than that."""
    with open_regular(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, _("it has more than {most} bytes").format(most=most_bytes))
    return data


def file_sha256(path: Path) -> str:
    """Return the hexadecimal hash of a file's content. Raises OSError as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_json(text: bytes) -> Any:
    """Return what JSON says; raises ValueError where it is none, or nested deeper than anybody would write it."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(_("its brackets are nested too deeply")) from error


def json_text(value: object, plain: bool = False) -> str:
    """Return JSON; names may hold any letters unless `plain`, and a number that is not known is null, not NaN."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=plain, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# What is kept for the next run in a folder that others may write, too: bound to a name, and checked when it is read.
# The name says of what it is the outcome, or is the file's own with its folder's, since caches move.


def write_sealed(file: Path, content: object, name: str = "") -> None:
    """Write JSON with a hash of the content and of the name that it is kept under, in a folder that is made for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(file, json.dumps({"sha256": _hash_json(file, content, name), "content": content}) + "\n")


def read_sealed(file: Path, most_bytes: int, name: str = "") -> Any:
    """Return the content that was sealed under this name.

    Raises:
        OSError: as `read_regular`.
        ValueError: it is something else, of another name, or was changed since.
    """
    sealed = parse_json(read_regular(file, most_bytes))
    if not isinstance(sealed, dict) or sealed.get("sha256") != _hash_json(file, sealed.get("content"), name):
        raise ValueError(_("it is not what was kept there"))
    return sealed["content"]


def _hash_json(file: Path, content: object, name: str) -> str:
    named = [name or f"{file.parent.name}/{file.name}", content]
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
