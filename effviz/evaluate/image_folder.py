"""Folders of photos: as data sets, and as the place where a finished run's photos are found again.

Subfolders are classes.
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

SPLIT_FOLDERS: Final = ("train", "val")  # of a training folder for `effviz train`


def read_folder(folder: Path) -> Dataset:
    """Return all photos in a folder and its subfolders as a data set.

    The name of the first subfolder is the class: a number, an ImageNet synset, or a name that the model knows. For a
    training folder of `effviz train`, read `val` with its classes.
    """
    if all(class_names(folder / part) for part in SPLIT_FOLDERS):
        note = lazy_gettext(
            "{path} contains train and val, and val is measured. To measure the other photos, use {path}/train.",
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
    """Return the names of the folders in a folder, sorted and without hidden ones: its classes."""
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and entry.is_dir())
    return tuple(sorted(names))


def list_files(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[tuple[str, "os.DirEntry[str]"]]:
    """Return all files with one of the suffixes and their paths in the folder, sorted, without hidden ones."""
    return sorted(_listed(folder, suffixes), key=lambda entry: entry[0].split("/"))


class PhotoIndex:
    """Finds a folder's photos by their names in a table or run; an ambiguous name is an error.

    A name matches a file if one of the name and the file's path in the folder ends with the other, so names may be
    relative to a folder above or below. A name may have no suffix, or another one than the file.
    """

    def __init__(self, folder: Path) -> None:
        """List the folder once."""
        self._folder = folder
        self._files: dict[str, tuple[str, ...]] = {}  # by each ending of their paths, at most two files each
        self.names = [within for within, _entry in list_files(folder)]  # paths of all photos in the folder
        for within in self.names:
            for path in (within, within.rpartition(".")[0]):
                for ending in _endings(_plain(printable(path))):
                    names = self._files.get(ending, ())
                    if len(names) < 2:
                        self._files[ending] = (*names, within)

    def within(self, name: str) -> str | None:
        """Return a photo's path in the folder, or None if no file matches; backslashes may separate folders.

        Raises:
            DatasetError: several files match.
        """
        for written in dict.fromkeys((_plain(name), _plain(name.replace("\\", "/")))):
            if len(names := self._fitting(written)) > 1:
                one, other = map(printable, names)
                text = _(
                    "{name} matches both {one} and {other} in {folder}: a photo's name must match one file. Add the "
                    "folder, as in {one}."
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
    """Yield the endings of a path: the whole path with a leading slash, then without, then fewer and fewer folders."""
    yield "/" + path
    while path:
        yield path
        path = path.partition("/")[2]


def _plain(path: str) -> str:
    """Normalise accented letters, which have two Unicode forms, of which some systems use only one."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _listed(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield the files of a folder, following links to folders except to one that contains the link."""
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(os.fspath(folder), "", ())]
    while waiting:
        place, within, above = waiting.pop()
        entries: list[os.DirEntry[str]] = []
        with suppress(OSError):  # it does not exist or is not readable
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


# A run stores only numbers: its photos are found in a folder by name and verified by hash.


class RunPhotos:
    """A folder of measured photos; names in a run may have no folder or suffix, and COCO's include a class."""

    def __init__(self, path: Path) -> None:
        """List the folder once; the names of the run's photos are relative to it."""
        self._path = path
        self._places: dict[str, Path] = {}  # by path in the folder, name, and name without suffix
        for within, _entry in reversed(list_files(path)):
            place = path / within
            self._places |= dict.fromkeys((within, place.name, place.stem), place)

    def find(self, name: str) -> Path | None:
        """Return the file that matches a photo's name, if any; only `read` verifies it."""
        words = [word for one in (name, name.rpartition(" [")[0]) for word in (one, one.replace("\\", "/"))]
        keys = [key for word in words for key in (word, Path(word).name, Path(word).stem)]
        return next((self._places[key] for key in keys if key in self._places), None)

    def read(self, name: str, sha256: str) -> bytes:
        """Return the content of a measured photo's file.

        Raises:
            DatasetError: the file is missing, cannot be read, or is not the photo that was measured.
        """
        place = self.find(name)
        if place is None:
            text = _(
                "{name} is not in {folder}: maps need the run's photos. Specify the folder that their names are "
                "relative to, or leave out the maps."
            )
            raise DatasetError(text.format(name=name, folder=self._path))
        try:
            data = images.from_file(place, name)
        except OSError as error:
            text = _("{file} cannot be read ({reason}): maps need the run's photos. Check its permissions.")
            raise DatasetError(text.format(file=place, reason=error.strerror)) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            text = _(
                "{file} is not the photo that was measured: maps need the run's own photos. Specify the folder that "
                "contains them, or leave out the maps."
            )
            raise DatasetError(text.format(file=place))
        return data
