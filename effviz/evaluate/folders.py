"""A folder of photos; where they lie in sub-folders, those are their classes."""

import hashlib
from functools import cache
from pathlib import Path

from effviz.evaluate.samples import SUFFIXES, Dataset, Sample, class_of


def read(folder: Path) -> Dataset:
    """List all photos in a folder and below it.

    The first sub-folder's name is the class: a number, an ImageNet synset, or a name that the model knows.
    """
    named = cache(class_of)
    digest = hashlib.sha256()
    samples = []
    for path in sorted(photos(folder)):
        within = path.relative_to(folder)
        digest.update(f"{within.as_posix()} {path.stat().st_size}\n".encode())
        label, names = named(within.parts[0]) if len(within.parts) > 1 else (None, ())
        samples.append(Sample(path, within.as_posix(), label, class_names=names))
    labelled = any(sample.label is not None or sample.class_names for sample in samples)
    return Dataset(folder, tuple(samples), digest.hexdigest(), annotated=False, labelled=labelled)


def photos(folder: Path) -> list[Path]:
    """Return every file that is called like a photo, hidden ones left out."""
    return [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]


def places(folder: Path) -> dict[str, Path]:
    """Return where each photo lies, by its path within the folder, its name, and its name without suffix."""
    found: dict[str, Path] = {}
    for path in sorted(photos(folder), reverse=True):
        found |= dict.fromkeys((path.relative_to(folder).as_posix(), path.name, path.stem), path)
    return found
