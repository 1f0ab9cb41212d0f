"""Files that are there whole or not at all, even if a process is killed; one sentence where none can be written."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from effviz.errors import SettingsError
from effviz.words import _, later

CHOOSE_OUT: Final = later("Choose another one with --out.")
CHOOSE_CACHE: Final = later("Set XDG_CACHE_HOME to a folder of yours.")


def replace(path: Path, write: Callable[[BinaryIO], object], sync: bool = True) -> None:
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


def replace_text(path: Path, text: str) -> None:
    """Write text as UTF-8; what is no text in it, as in file names of other codes, becomes its number."""
    replace(path, lambda file: file.write(text.encode(errors="backslashreplace")))


@contextmanager
def writing(place: Path, advice: str = CHOOSE_OUT) -> Iterator[None]:
    """Make one sentence of what keeps a file or a folder from being written.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise SettingsError(
            _("Nothing can be written to {place} ({reason}): it must be writable and have space. {advice}").format(
                place=place, reason=error.strerror or error, advice=_(advice)
            )
        ) from error
