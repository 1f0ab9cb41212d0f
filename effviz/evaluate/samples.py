"""One photo of a data set with what people said about it, and a data set as a list of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from effviz.errors import TargetError
from effviz.evaluate.outlines import Outline
from effviz.evaluate.truth import Size, Truth
from effviz.words import _
from effviz.zoo import classes
from effviz.zoo.classes import ImageNetClass
from effviz.zoo.model import ModelSpec

LONGEST_NUMBER: Final = 18  # digits; a moment such as 20240131123000 is a number, too
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A photo that is not opened yet."""

    path: Path
    name: str  # unlike any other of the data set; its path within it, mostly
    label: int | None = None  # of the 1000 ImageNet classes, or of the data set's own where it has no names
    truth: Truth | None = None  # None where nobody marked the object
    class_names: tuple[str, ...] = ()  # what its class is called: for models with other classes than ImageNet's
    size: Size | None = None  # of the upright photo as the annotations say; None where they do not
    outlines: tuple[Outline, ...] = ()  # what becomes the truth's mask once the photo is open; empty: its boxes do
    fractions: bool = False  # boxes and outlines are parts of the photo's width and height, not pixels
    faults: tuple[str, ...] = ()  # why something that was said about it cannot be used: a row each
    broken: str = ""  # why it cannot be measured at all, where that is known beforehand

    def class_for(self, spec: ModelSpec) -> int:
        """Return the index of the photo's class in a model's logits.

        Raises:
            TargetError: the photo has no class, the model does not know it, or its number and its name differ.
        """
        if self.label is not None and (not self.class_names or spec.classes == classes.names()):
            return self._checked(self.label, spec)
        for name in self.class_names:
            if (index := classes.place(name, spec.classes)) is not None:
                return index
        if self.label is not None and all(map(is_number, self.class_names)):  # a number that is nobody's name
            return self._checked(self.label, spec)
        label = _("the class {name!r}").format(name=self.class_names[0]) if self.class_names else _("no class")
        raise TargetError(
            _(
                "{name} has {label}: {model} can only be asked for one of its {count} classes. "
                "Take the model's prediction or a fixed class as the target."
            ).format(name=self.name, label=label, model=spec.name, count=len(spec.classes))
        )

    def _checked(self, label: int, spec: ModelSpec) -> int:
        if not 0 <= label < len(spec.classes):
            raise TargetError(
                _(
                    "Class {label} does not exist, which {name} has: {model} has classes 0 to {last}. Correct the "
                    "label, or take the model's prediction or a fixed class as the target."
                ).format(label=label, name=self.name, model=spec.name, last=len(spec.classes) - 1)
            )
        for word in self.class_names:
            if (meant := _numbers(word)) and label not in meant:
                raise TargetError(
                    _(
                        "{name} has the label {label}, which is {known}, and is called {word!r}, which is class "
                        "{meant}: both must say the same. Correct the annotations."
                    ).format(name=self.name, label=label, known=classes.names()[label], word=word, meant=min(meant))
                )
        return label


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photos in one order on every machine."""

    path: Path
    samples: Sequence[Sample]
    fingerprint: str  # of the annotations, or of the files' names and sizes
    annotated: bool  # whether objects are marked
    labelled: bool
    notes: tuple[str, ...] = ()  # for `_`: what was understood in one of several ways

    def __len__(self) -> int:
        return len(self.samples)

    def chosen(self, limit: int | None, seed: int) -> Sequence[int]:
        """Return which photos to take: all, or `limit` of them by chance, in the data set's order."""
        everything = range(len(self))
        if limit is None or limit >= len(self):
            return everything
        return sorted(random.Random(seed).sample(everything, limit))


def class_of(word: str) -> tuple[int | None, tuple[str, ...]]:
    """Read what a folder or a column calls a class: a number, an ImageNet synset such as n01440764, or a name.

    A number is a name, too: a model that has a class of that name means it by that, and not by its place.
    """
    if is_number(word):
        return int(word), (word,)
    entry = _imagenet().get(word) or _imagenet().get(word.casefold())
    return (entry.index, (entry.name, *entry.lemmas, entry.synset)) if entry else (None, (word,))


def is_number(word: str) -> bool:
    """Tell whether a word is a class's number; digits of other scripts, and hundreds of them, are none."""
    return word.isascii() and word.isdecimal() and len(word) <= LONGEST_NUMBER


def printable(name: str) -> str:
    """Return a file's name as tables and terminals can write it: what is no text in it becomes its number."""
    return name.encode(errors="backslashreplace").decode()


@cache
def _imagenet() -> dict[str, ImageNetClass]:
    """Return ImageNet's classes by their synsets and by their names in small letters."""
    known = classes.imagenet()
    return {entry.name.casefold(): entry for entry in known} | {entry.synset: entry for entry in known}


def _numbers(name: str) -> frozenset[int]:
    """Return which of ImageNet's classes a name or a synset may mean; none where ImageNet does not know it."""
    if meant := classes.indices([name]):
        return meant
    return frozenset({_imagenet()[name].index}) if name in _imagenet() else frozenset()
