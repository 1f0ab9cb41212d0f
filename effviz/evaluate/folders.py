"""A folder of photos; where they lie in sub-folders, those are their classes."""

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from effviz.errors import DatasetError
from effviz.evaluate.samples import SUFFIXES, Dataset, Sample, class_of, printable
from effviz.words import _


def read(folder: Path) -> Dataset:
    """List all photos in a folder and below it.

    The first sub-folder's name is the class: a number, an ImageNet synset, or a name that the model knows.
    """
    named = cache(class_of)  # many photos have one class: they share its words
    digest = hashlib.sha256()
    samples = []
    for within, entry in photos(folder):
        name = printable(within)
        digest.update(f"{name} {entry.stat().st_size}\n".encode())
        first, _slash, rest = name.partition("/")
        label, names = named(first) if rest else (None, ())
        samples.append(Sample(folder / within, name, label, class_names=names))
    labelled = any(sample.label is not None or sample.class_names for sample in samples)
    return Dataset(folder, tuple(samples), digest.hexdigest(), annotated=False, labelled=labelled)


def photos(folder: Path) -> list[tuple[str, "os.DirEntry[str]"]]:
    """Return every file that is called like a photo by its path within the folder, in order, hidden ones left out."""
    return sorted(_photos(folder), key=lambda found: found[0].split("/"))


class Places:
    """Finds a folder's photos by what a table or a run calls them; of two that fit as well, none is taken.

    A name fits a file when it ends as the file's path within the folder does, or the other way round: names may start
    in a folder above or below. A name may lack the file's suffix, or have another one.
    """

    def __init__(self, folder: Path) -> None:
        """List the folder once."""
        self._folder = folder
        self._files: dict[str, tuple[str, ...]] = {}  # by each ending of their paths: one, or two of several
        for within, _entry in photos(folder):
            for path in (within, within.rpartition(".")[0]):
                for ending in _endings(printable(path)):
                    found = self._files.get(ending, ())
                    if len(found) < 2:
                        self._files[ending] = (*found, within)

    def find(self, name: str) -> Path | None:
        """Return where a photo lies, None where no file fits.

        Raises:
            DatasetError: several files fit.
        """
        path = Path(name)
        *above, last = path.parts or ("",)
        for called in dict.fromkeys((last, path.stem)):
            parts = [*above, called]
            whole = "/".join(parts)
            shorter = ("/" + "/".join(parts[start:]) for start in range(1, len(parts)))
            for ending in ("/" + whole, whole, *shorter):
                if found := self._files.get(ending):
                    return self._folder / self._only(found, name)
        return None

    def _only(self, found: tuple[str, ...], name: str) -> str:
        if len(found) > 1:
            one, other = map(printable, found)
            raise DatasetError(
                _(
                    "{name} may be {one} or {other} in {folder}: a photo's name must fit one file. Write the folder "
                    "before it, as in {one}."
                ).format(name=printable(name), one=one, other=other, folder=self._folder)
            )
        return found[0]


def places(folder: Path) -> dict[str, Path]:
    """Return where each photo lies, by its path within the folder, its name, and its name without suffix."""
    found: dict[str, Path] = {}
    for within, _entry in reversed(photos(folder)):
        path = folder / within
        found |= dict.fromkeys((within, path.name, path.stem), path)
    return found


def _endings(path: str) -> Iterator[str]:
    """Yield what a path may end with: all of it, which begins with a slash, and with ever less in front."""
    yield "/" + path
    while path:
        yield path
        path = path.partition("/")[2]


def _photos(folder: Path) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    waiting = [(os.fspath(folder), "")]
    while waiting:
        place, within = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except PermissionError:
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{within}{entry.name}/"))
            elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                yield within + entry.name, entry
