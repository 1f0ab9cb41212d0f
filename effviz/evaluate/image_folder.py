"""A folder of photos as a data set, and the photos of a finished run found again in a folder.

Where photos lie in sub-folders, those are their classes.
"""

import dataclasses
import hashlib
import os
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from effviz.errors import DatasetError
from effviz.evaluate.dataset_samples import SUFFIXES, Dataset, DatasetSample, parse_class, printable
from effviz.explain import images
from effviz.i18n import _, lazy_gettext

SPLIT_FOLDERS: Final = ("train", "val")  # of a folder that `effviz train` learns from


def read_folder(folder: Path) -> Dataset:
    """List all photos in a folder and below it.

    The first sub-folder's name is the class: a number, an ImageNet synset, or a name that the model knows. Of a folder
    that `effviz train` reads, `val` is taken, with its classes.
    """
    if all(class_names(folder / part) for part in SPLIT_FOLDERS):
        note = lazy_gettext(
            "{path} holds train and val: val is measured. Give {path}/train for the other photos.",
            path=printable(str(folder)),
        )
        return dataclasses.replace(read_folder(folder / "val"), notes=(note,))
    digest = hashlib.sha256()
    samples = []
    for within, entry in list_files(folder):
        name = printable(within)
        digest.update(f"{name} {entry.stat().st_size}\n".encode())
        first, _slash, rest = name.partition("/")
        label, names = parse_class(first) if rest else (None, ())
        samples.append(DatasetSample(folder / within, name, label, class_names=names))
    labelled = any(sample.label is not None or sample.class_names for sample in samples)
    return Dataset(folder, tuple(samples), digest.hexdigest(), annotated=False, labelled=labelled)


def class_names(folder: Path) -> tuple[str, ...]:
    """Return the folders in a folder, in the order of their names, hidden ones left out: its classes."""
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and entry.is_dir())
    return tuple(sorted(names))


def list_files(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[tuple[str, "os.DirEntry[str]"]]:
    """Return every file with a suffix, a photo's by default, by its path within the folder, in order; none hidden."""
    return sorted(_listed(folder, suffixes), key=lambda entry: entry[0].split("/"))


class PhotoIndex:
    """Finds a folder's photos by what a table or a run calls them; of two that fit as well, none is taken.

    A name fits a file when it ends as the file's path within the folder does, or the other way round: names may start
    in a folder above or below. A name may lack the file's suffix, or have another one.
    """

    def __init__(self, folder: Path) -> None:
        """List the folder once."""
        self._folder = folder
        self._files: dict[str, tuple[str, ...]] = {}  # by each ending of their paths: one, or two of several
        self.names = [within for within, _entry in list_files(folder)]  # paths of all photos within the folder
        for within in self.names:
            for path in (within, within.rpartition(".")[0]):
                for ending in _endings(_plain(printable(path))):
                    names = self._files.get(ending, ())
                    if len(names) < 2:
                        self._files[ending] = (*names, within)

    def within(self, name: str) -> str | None:
        """Return a photo's path within the folder, None where no file fits; backslashes may stand between folders.

        Raises:
            DatasetError: several files fit.
        """
        for written in dict.fromkeys((_plain(name), _plain(name.replace("\\", "/")))):
            if len(names := self._fitting(written)) > 1:
                one, other = map(printable, names)
                text = _(
                    "{name} may be {one} or {other} in {folder}: a photo's name must fit one file. Write the folder "
                    "before it, as in {one}."
                )
                raise DatasetError(text.format(name=printable(written), one=one, other=other, folder=self._folder))
            if names:
                return names[0]
        return None

    def _fitting(self, name: str) -> tuple[str, ...]:
        path = PurePosixPath(name)
        *above, last = path.parts or ("",)
        for called in dict.fromkeys((last, path.stem)):
            parts = [*above, called]
            whole = "/".join(parts)
            shorter = ("/" + "/".join(parts[start:]) for start in range(1, len(parts)))
            for ending in ("/" + whole, whole, *shorter):
                if names := self._files.get(ending):
                    return names
        return ()


def _endings(path: str) -> Iterator[str]:
    """Yield what a path may end with: all of it, which begins with a slash, and with ever less in front."""
    yield "/" + path
    while path:
        yield path
        path = path.partition("/")[2]


def _plain(path: str) -> str:
    """Letters with marks are written in two ways, of which some systems like only one."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _listed(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Follow links to folders, too, but never back into a folder that they lie in."""
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(os.fspath(folder), "", ())]
    while waiting:
        place, within, above = waiting.pop()
        entries: list[os.DirEntry[str]] = []
        with suppress(OSError):  # it is not there, or nobody may look into it
            entries, above = list(os.scandir(place)), (*above, _identity(place))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            with suppress(OSError):  # a link to itself
                if entry.is_dir():
                    if _identity(entry.path) not in above:
                        waiting.append((entry.path, f"{within}{entry.name}/", above))
                elif entry.name.lower().endswith(suffixes) and entry.is_file():
                    yield within + entry.name, entry


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


# A run keeps numbers only: its photos are found in a folder by their names, and known by their hashes.


class RunPhotos:
    """A folder with photos that were measured; names in a run may lack folder and suffix, and COCO's have a class."""

    def __init__(self, path: Path) -> None:
        """List the folder once that the names of the run's photos start from."""
        self._path = path
        self._places: dict[str, Path] = {}  # by the paths within the folder, names, and names without suffix
        for within, _entry in reversed(list_files(path)):
            place = path / within
            self._places |= dict.fromkeys((within, place.name, place.stem), place)

    def find(self, name: str) -> Path | None:
        """Return the file that may be a photo; only `read` knows whether it is."""
        words = [word for one in (name, name.rpartition(" [")[0]) for word in (one, one.replace("\\", "/"))]
        keys = [key for word in words for key in (word, Path(word).name, Path(word).stem)]
        return next((self._places[key] for key in keys if key in self._places), None)

    def read(self, name: str, sha256: str) -> bytes:
        """Return the file of a photo that was measured.

        Raises:
            DatasetError: it is not there, cannot be read, or is not the one that was measured.
        """
        place = self.find(name)
        if place is None:
            text = _(
                "{name} is not in {folder}: maps need the run's photos. Give the folder that their names start "
                "from, or do without maps."
            )
            raise DatasetError(text.format(name=name, folder=self._path))
        try:
            data = images.from_file(place, name)
        except OSError as error:
            text = _("{file} cannot be read ({reason}): maps need the run's photos. Check its permissions.")
            raise DatasetError(text.format(file=place, reason=error.strerror)) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            text = _(
                "{file} is not the photo that was measured: maps need the run's own photos. Give the folder that "
                "holds them, or do without maps."
            )
            raise DatasetError(text.format(file=place))
        return data
