"""Files that are there whole or not at all, whenever a process is killed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def replace(path: Path, write: Callable[[BinaryIO], object], sync: bool = True) -> None:
    """Write beside the place, wait for the disk, then move it there; several processes may do so at once.

    Without `sync` nobody waits: killing the process does no harm, but after a power cut the file may be cut off.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with new.open("wb") as file:
        write(file)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)
