"""One process at a time measures into a run's folder; what a killed one held is free again, whatever killed it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from effviz.errors import SettingsError
from effviz.words import _

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE: Final = ".lock"  # stays there: who took it away could take it from the next one, too

_log = logging.getLogger(__name__)


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Keep others away from a folder, which is made if it is not there.

    Raises:
        SettingsError: another process has it.
        OSError: nothing can be written into it.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / FILE).open("ab") as file:
        try:
            _take(file)
        except (BlockingIOError, PermissionError) as error:
            raise SettingsError(
                _(
                    "Another process is measuring into {run}: only one may at a time. Wait until it ends, or choose "
                    "another folder with --out."
                ).format(run=run)
            ) from error
        except OSError as error:  # some shared disks have no locks
            _log.warning("Nobody else may measure into %s meanwhile, which cannot be checked there: %s", run, error)
        yield


def _take(file: BinaryIO) -> None:
    """Lock an open file, without waiting, until it is closed."""
    if sys.platform == "win32":
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
