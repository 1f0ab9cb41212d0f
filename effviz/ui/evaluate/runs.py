"""Which runs may be opened: those that lie directly in one folder of the server, never a path that a visitor names."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Final

from effviz.errors import SettingsError
from effviz.evaluate import manifest, records
from effviz.evaluate.manifest import Manifest
from effviz.report.numbers import SUMMARY
from effviz.words import _

SETTING: Final = "EFFVIZ_RUNS"
DEFAULT: Final = "runs"  # in the working directory
LARGEST_JSON: Final = 4 * 2**20  # bytes of a run.json: room for hundreds of models with all methods

Stamp = tuple[tuple[int, int], ...]  # when each of a run's files was written, in ns, and its bytes

logger = logging.getLogger(__name__)


class State(Enum):
    """Whether a run can be shown."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Entry:
    """A run's folder as the list shows it."""

    name: str  # the folder's own name
    folder: Path
    state: State
    stamp: Stamp  # changes when somebody measures anew under this name, or sums the results up
    done: int = 0  # photos that are measured
    photos: int = 0  # that are to be

    @property
    def title(self) -> str:
        """The name, with what keeps it from being shown."""
        if self.state is State.BROKEN:
            return _("{name} (cannot be read)").format(name=self.name)
        if self.state is State.UNFINISHED:
            return _("{name} (unfinished: {done} of {photos} photos)").format(
                name=self.name, done=self.done, photos=self.photos
            )
        return self.name

    @property
    def age(self) -> tuple[int, str]:
        """What runs are ordered by: when run.json was written, then the name."""
        return self.stamp[0][0], self.name


def folder() -> Path:
    """Return the folder of runs, which need not be there."""
    return Path(os.environ.get(SETTING, "").strip() or DEFAULT)


def entries() -> tuple[Entry, ...]:
    """Return the runs in the folder, the newest first; none where there is no folder.

    Raises:
        SettingsError: what the setting names is no folder, or cannot be read.
    """
    root = folder()
    try:
        return tuple(sorted(_entries(root), key=lambda entry: entry.age, reverse=True)) if root.exists() else ()
    except OSError as error:
        logger.warning("The folder of runs, %s, cannot be read: %s", root, error)
        raise SettingsError(
            _(
                "This server's setting {setting} does not name a folder that can be read: runs are looked for in "
                "one. Whoever runs the server can correct it."
            ).format(setting=SETTING)
        ) from error


def _entries(root: Path) -> Iterator[Entry]:
    for path in root.iterdir():
        try:
            if not path.name.startswith(".") and (path / manifest.FILE).exists() and _inside(path, root):
                yield _entry(path)
        # One that may not be read, a link to itself, or one that somebody removes just now hides no other.
        except (OSError, RuntimeError) as error:
            logger.warning("%s cannot be read: %s", path, error)


def _inside(path: Path, root: Path) -> bool:
    """Whether a run and its two files lie where they seem to, and no link leads out of the folder."""
    return path.resolve().parent == root.resolve() and all(
        (path / file).resolve().parent == path.resolve() for file in (manifest.FILE, records.RESULTS, records.PARTS)
    )


def _entry(path: Path) -> Entry:
    stamp = _stamp(path)
    try:
        run = _manifest(path, stamp)
        if run.finished:
            if not (path / records.RESULTS).is_file():  # also when it is a pipe, which would be waited for
                raise FileNotFoundError(records.RESULTS)
            return Entry(path.name, path, State.FINISHED, stamp, run.photos, run.photos)
        return Entry(path.name, path, State.UNFINISHED, stamp, _done(run), run.photos)
    except (SettingsError, OSError, TypeError, RecursionError) as error:
        logger.warning("The run in %s cannot be read: %s", path, error)
        return Entry(path.name, path, State.BROKEN, stamp)


def _stamp(path: Path) -> Stamp:
    run = (path / manifest.FILE).stat()
    return (run.st_mtime_ns, run.st_size), *(_written(path / name) for name in (records.RESULTS, SUMMARY))


def _written(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=256)
def _manifest(path: Path, stamp: Stamp) -> Manifest:
    """Read a run.json, again only when it has changed: the list of runs is made whenever somebody clicks."""
    if not (path / manifest.FILE).is_file() or stamp[0][1] > LARGEST_JSON:
        raise OSError(f"{manifest.FILE} is no file of at most {LARGEST_JSON} bytes")
    return _checked(manifest.read(path))


def _checked(run: Manifest) -> Manifest:
    """See that a run.json that somebody changed still has what the page shows."""
    settings = run.settings
    weights = [network.weights_sha256 for network in run.networks]
    kinds = {
        str: (run.dataset, settings.targets, *settings.models, *weights),
        int: (run.photos, run.photos_a_part),
        dict: (run.versions,),
    }
    odd = [value for kind, values in kinds.items() for value in values if not isinstance(value, kind)]
    if odd or not (settings.models and settings.methods and settings.metrics):
        raise TypeError(odd)
    return run


def _done(run: Manifest) -> int:
    if odd := [part for part in (run.folder / records.PARTS).glob("*") if not part.is_file()]:
        raise OSError(f"{odd[0].name} is no file")
    return sum(min(run.photos_a_part, run.photos - start) for start in records.parts(run.folder))
