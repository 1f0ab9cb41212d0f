"""Training data: a folder laid out for torchvision's ImageFolder, decoded once into a cache.

The folder has `DIR/train/CLASS/photo.jpg` and `DIR/val/CLASS/photo.jpg`. Decoding takes longer than training a small
network, so every photo is decoded, cropped to its centre square and resized only once. The pixels are stored in a
memory-mapped file in the user's cache.
"""

import hashlib
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from effviz import file_io
from effviz.errors import DatasetError, ImageError
from effviz.evaluate import image_folder
from effviz.evaluate.dataset_samples import SUFFIXES, printable
from effviz.explain import decoding, images
from effviz.explain.data_types import Bytes
from effviz.i18n import _
from effviz.progress import NamedProgress, no_progress

AS_BYTES: Final = "surrogateescape"  # encodes undecodable file names as their original bytes
DATA_SETS_KEPT: Final = 8  # decoded folders; the oldest are deleted first, and decoded again when needed
FILES_PER_READ: Final = 256  # files whose bytes are hashed, to distinguish data sets with equal names and sizes
INDEX_FILE: Final = "index.json"
PIXELS_FILE: Final = "pixels.npy"
MAX_INDEX_BYTES: Final = 2**28  # ten million pictures
_VERSION: Final = 1  # of the cache format
logger = logging.getLogger(__name__)


class File(NamedTuple):
    """A picture file and its class."""

    path: Path
    label: int


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The decoded training or validation part of a data set."""

    pixels: Bytes  # (N, S, S, 3), read-only, on disk until read
    labels: NDArray[np.int64]  # (N,)
    skipped: tuple[str, ...]  # a sentence for each file that could not be read

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Training and validation pictures."""

    train: Pictures
    val: Pictures
    classes: tuple[str, ...]  # names of the folders, in the order of the labels
    fingerprint: str  # of the files' names, sizes and some of their bytes; unchanged if the folder is moved or copied
    name: str  # of the folder


def data_set(folder: Path, side_px: int, progress: NamedProgress = no_progress) -> DataSet:
    """Decode a folder with `train/` and `val/` to squares of side_px, or load it from the cache.

    Unreadable files are skipped and listed in `skipped`.

    Raises:
        DatasetError: a folder is missing, a class has no pictures, or the disk has no space for the decoded ones.
    """
    classes = class_names(folder / "train")
    parts = {part: _files(folder / part, classes) for part in ("train", "val")}
    keys = {part: _key(files, side_px) for part, files in parts.items()}
    _clean()
    train, val = (_decoded(f"{part} pictures", parts[part], keys[part], side_px, progress) for part in parts)
    for part, pictures in (("train", train), ("val", val)):
        _check_classes(folder / part, pictures.labels, classes)
    names, fingerprint = tuple(map(printable, classes)), _fingerprint(folder, parts.values(), side_px)
    return DataSet(train, val, names, fingerprint, printable(folder.resolve().name))


def class_names(folder: Path) -> tuple[str, ...]:
    """Return the class folders in the order of the labels, as `effviz evaluate`; raise DatasetError below two."""
    names = image_folder.class_names(folder)
    if len(names) < 2:
        text = _(
            "{folder} contains {count} class folders: train/ and val/ each need a folder of pictures for every class, "
            "and at least two classes. Specify the folder that contains train/ and val/."
        )
        raise DatasetError(text.format(folder=folder, count=len(names)))
    return names


def _files(folder: Path, classes: Sequence[str]) -> tuple[File, ...]:
    """Return all picture files, in the same order on every machine."""
    if unknown := sorted(set(class_names(folder)) - set(classes)):
        text = _(
            "{folder} has the class {unknown!r}, which train/ does not have: both need the same classes. Add or remove "
            "the folder."
        )
        raise DatasetError(text.format(folder=folder, unknown=unknown[0]))
    files = [
        File(folder / name / within, label)
        for label, name in enumerate(classes)
        for within, _entry in image_folder.list_files(folder / name)
    ]
    _check_classes(folder, [file.label for file in files], classes)
    return tuple(files)


def _check_classes(folder: Path, labels: NDArray[np.int64] | list[int], classes: Sequence[str]) -> None:
    present = set(labels)
    for label, name in enumerate(classes):
        if label not in present:
            text = _(
                "{folder} contains no readable picture: every class needs at least one ({suffixes}). Add some, or "
                "remove the class from train/ and val/."
            )
            raise DatasetError(text.format(folder=folder / name, suffixes=", ".join(SUFFIXES)))


def _key(files: Sequence[File], side_px: int) -> str:
    digest = hashlib.sha256(f"{_VERSION} {side_px}".encode())
    for path, label in files:
        stat = path.stat()
        digest.update(f"{path.resolve()} {label} {stat.st_size} {stat.st_mtime_ns}\n".encode(errors=AS_BYTES))
    return digest.hexdigest()[:32]


def _fingerprint(folder: Path, parts: Iterable[Sequence[File]], side_px: int) -> str:
    """Return a hash that does not depend on paths or times, so that training can be resumed after a move."""
    digest = hashlib.sha256(f"{_VERSION} {side_px}".encode())
    files = list(itertools.chain.from_iterable(parts))
    for path, _label in files:
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode(errors=AS_BYTES))
    for path, _label in files[:: max(1, len(files) // FILES_PER_READ)]:
        with suppress(OSError):  # an unreadable file is skipped later, with the reason
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _folder() -> Path:
    return file_io.cache_folder() / "pictures"


def _decoded(name: str, files: Sequence[File], key: str, side_px: int, progress: NamedProgress) -> Pictures:
    place = _folder() / key
    index = _index(place)
    if index is None:
        with file_io.reporting_write_errors(_folder(), file_io.CHOOSE_CACHE):
            _make(place, name, files, side_px, progress)
        index = _index(place)
        assert index is not None  # just made
    with suppress(OSError):  # the cache may be read-only
        os.utime(place)  # marks it as recently used, so that it is deleted last
    kept = index["kept"]
    pixels: Bytes = np.load(place / PIXELS_FILE, mmap_mode="r")[: len(kept)]
    labels = np.array([files[position].label for position in kept], dtype=np.int64)
    return Pictures(pixels, labels, tuple(index["skipped"]))


def _index(place: Path) -> dict[str, Any] | None:
    """Return the index of decoded pictures if they are intact, else remove them and return None."""
    if not place.exists():
        return None
    try:
        index: dict[str, Any] = file_io.read_sealed(place / INDEX_FILE, MAX_INDEX_BYTES, place.name)
        if file_io.file_sha256(place / PIXELS_FILE) == index["pixels_sha256"]:
            return index
    except (OSError, ValueError) as error:
        logger.debug("%s: %s", place, error)
    logger.warning("The decoded pictures in %s are damaged and are decoded again.", place)
    with file_io.reporting_write_errors(_folder(), file_io.CHOOSE_CACHE):
        shutil.rmtree(place)
    return None


def _make(place: Path, name: str, files: Sequence[File], side_px: int, progress: NamedProgress) -> None:
    """Decode into a temporary folder beside `place` and rename it, so that `place` is complete or missing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _check_room(place.parent, len(files) * side_px * side_px * 3)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=place.parent, ignore_cleanup_errors=True) as folder:
        new = Path(folder) / "pictures"
        new.mkdir()
        shape = (len(files), side_px, side_px, 3)
        pixels = np.lib.format.open_memmap(new / PIXELS_FILE, mode="w+", dtype=np.uint8, shape=shape)
        kept: list[int] = []
        skipped: list[str] = []
        for position, file in enumerate(files):
            progress(name, position, len(files))
            try:
                pixels[len(kept)] = square(file.path, side_px)
            except ImageError as error:
                skipped.append(str(error))
            else:
                kept.append(position)
        pixels.flush()
        index = {"kept": kept, "skipped": skipped, "pixels_sha256": file_io.file_sha256(new / PIXELS_FILE)}
        file_io.write_sealed(new / INDEX_FILE, index, place.name)
        try:
            new.rename(place)
        except OSError:
            if not place.exists():  # otherwise another process was faster
                raise


def square(path: Path, side_px: int) -> Bytes:
    """Return the centre square of a photo; raise ImageError if the file is not a readable photo."""
    try:
        data = images.from_file(path, f"{path.parent.name}/{path.name}")
    except OSError as error:
        text = _("{name} cannot be opened ({reason}): it must be a readable photo. Check the file.")
        raise ImageError(text.format(name=path.name, reason=error.strerror)) from error
    photo = Image.fromarray(decoding.read(data, f"{path.parent.name}/{path.name}").rgb)
    return np.asarray(ImageOps.fit(photo, (side_px, side_px), Image.Resampling.BICUBIC))


def _check_room(folder: Path, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if size_bytes > 0.9 * free:
        text = _(
            "The decoded pictures need {needed:.1f} GB, and {folder} has {free:.1f} GB free. Free up space, set "
            "XDG_CACHE_HOME to a larger disk, or train on fewer or smaller pictures."
        )
        raise DatasetError(text.format(needed=size_bytes / 1e9, folder=folder, free=free / 1e9))


def _clean() -> None:
    """Remove the oldest data sets beyond `DATA_SETS_KEPT`, and leftovers of killed processes."""
    entries = []
    with suppress(OSError):  # the cache does not exist yet or is not readable
        for entry in _folder().iterdir():
            with suppress(OSError):  # another process may have removed it
                entries.append((entry.stat().st_mtime, entry))
    newest = max((when for when, _ in entries), default=0.0)
    whole = sorted((pair for pair in entries if not pair[1].name.startswith(".")), reverse=True)
    left = [entry for when, entry in entries if entry.name.startswith(".") and newest - when > 24 * 3600]
    for entry in [*left, *(entry for _when, entry in whole[DATA_SETS_KEPT:])]:
        shutil.rmtree(entry, ignore_errors=True)
