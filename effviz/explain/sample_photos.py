"""The photos that come with EffViz, with who took them and under which free licence."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from effviz import settings
from effviz.errors import DatasetError
from effviz.i18n import _

FOLDER: Final = settings.SHIPPED / "assets" / "samples"


@dataclass(frozen=True, slots=True)
class SamplePhoto:
    """A bundled photo."""

    name: str  # "red_panda"
    title: str  # for people
    path: Path
    author: str
    licence: str  # SPDX name, or "public-domain"
    source: str  # web address
    labels: tuple[int, ...]  # ImageNet classes that are right for it


@cache
def samples() -> tuple[SamplePhoto, ...]:
    """All bundled photos; the first ones show most.

    Raises:
        DatasetError: the folder of photos is not there.
    """
    try:
        with (FOLDER / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
            return tuple(_sample(row) for row in csv.DictReader(file))
    except FileNotFoundError as error:
        text = _(
            "The sample photos are not in {folder}; they lie in assets/samples of the repository. "
            "Run EffViz from a clone of the repository, or use your own photos."
        )
        raise DatasetError(text.format(folder=FOLDER)) from error


def find(name: str) -> SamplePhoto:
    """One bundled photo by its name.

    Raises:
        DatasetError: there is no sample of this name.
    """
    for sample in samples():
        if sample.name == name:
            return sample
    names = ", ".join(sample.name for sample in samples())
    text = _("There is no sample photo {name!r}; the samples are {names}. Pick one of them.")
    raise DatasetError(text.format(name=name, names=names))


def _sample(row: dict[str, str]) -> SamplePhoto:
    return SamplePhoto(
        name=Path(row["file"]).stem,
        title=row["title"],
        path=FOLDER / row["file"],
        author=row["author"],
        licence=row["licence"],
        source=row["source"],
        labels=tuple(int(label) for label in row["labels"].split()),
    )
