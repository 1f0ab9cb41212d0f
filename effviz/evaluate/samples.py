"""One photo of a data set with what people said about it, and a data set as a list of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from effviz.errors import TargetError
from effviz.evaluate.truth import Size, Truth
from effviz.words import _
from effviz.zoo import classes
from effviz.zoo.model import ModelSpec

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

    def class_for(self, spec: ModelSpec) -> int:
        """Return the index of the photo's class in a model's logits.

        Raises:
            TargetError: the photo has no class, or the model does not know it.
        """
        if self.label is not None and (not self.class_names or spec.classes == classes.names()):
            return self.label
        known = {name.casefold(): index for index, name in enumerate(spec.classes)}
        for name in self.class_names:
            if name.casefold() in known:
                return known[name.casefold()]
        label = _("the class {name!r}").format(name=self.class_names[0]) if self.class_names else _("no class")
        raise TargetError(
            _(
                "{name} has {label}: {model} can only be asked for one of its {count} classes. "
                "Take the model's prediction or a fixed class as the target."
            ).format(name=self.name, label=label, model=spec.name, count=len(spec.classes))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photos in one order on every machine."""

    path: Path
    samples: Sequence[Sample]  # those with masks are made when they are asked for
    fingerprint: str  # of the annotations, or of the files' names and sizes
    annotated: bool  # whether objects are marked
    labelled: bool

    def __len__(self) -> int:
        return len(self.samples)

    def chosen(self, limit: int | None, seed: int) -> Sequence[int]:
        """Return which photos to take: all, or `limit` of them by chance, in the data set's order."""
        everything = range(len(self))
        if limit is None or limit >= len(self):
            return everything
        return sorted(random.Random(seed).sample(everything, limit))


def class_of(word: str) -> tuple[int | None, tuple[str, ...]]:
    """Read what a folder or a column calls a class: a number, an ImageNet synset such as n01440764, or a name."""
    if word.isdecimal():
        return int(word), ()
    for entry in classes.imagenet():
        if word == entry.synset:
            return entry.index, (entry.name, *entry.lemmas, entry.synset)
        if word.casefold() == entry.name.casefold():
            return entry.index, (entry.name, *entry.lemmas, entry.synset)
    return None, (word,)
