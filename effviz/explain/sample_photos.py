"""The photos that come with EffViz, with their authors and free licences."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from effviz import file_io, settings
from effviz.errors import DatasetError
from effviz.i18n import _

FOLDER: Final = settings.SHIPPED / "assets" / "samples"


@dataclass(frozen=True, slots=True)
class SamplePhoto:
    """A bundled photo."""

    name: str  # "red_panda"
    title: str  # for display
    path: Path
    author: str
    licence: str  # SPDX name, or "public-domain"
    source: str  # web address
    labels: tuple[int, ...]  # correct ImageNet classes


@cache
def samples() -> tuple[SamplePhoto, ...]:
    """Return all bundled photos, those that show the most first; raises DatasetError if their folder is missing."""
    try:
        with (FOLDER / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
            return tuple(_sample(row) for row in csv.DictReader(file))
    except FileNotFoundError as error:
        text = _(
            "The sample photos are missing from {folder}; the repository has them in assets/samples. Run EffViz "
            "from a clone of the repository, or use your own photos."
        )
        raise DatasetError(text.format(folder=FOLDER)) from error


def find(name: str) -> SamplePhoto:
    """Return a bundled photo by name; raises DatasetError if there is none with that name."""
    by_name = {sample.name: sample for sample in samples()}
    if name not in by_name:
        text = _("There is no sample photo {name!r}; the sample photos are {names}. Choose one of these.")
        raise DatasetError(text.format(name=name, names=", ".join(by_name)))
    return by_name[name]


@cache
def by_sha256() -> dict[str, SamplePhoto]:
    """Return all bundled photos by the hashes of their files; raises the errors of `samples`."""
    return {file_io.file_sha256(sample.path): sample for sample in samples()}


def _sample(row: dict[str, str]) -> SamplePhoto:
    path, labels = FOLDER / row["file"], tuple(map(int, row["labels"].split()))
    return SamplePhoto(path.stem, row["title"], path, row["author"], row["licence"], row["source"], labels)
