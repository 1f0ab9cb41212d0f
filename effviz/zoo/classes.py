"""The 1000 ImageNet classes: a short name for people, the WordNet synset and its synonyms for searching."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class of ImageNet-1k."""

    index: int  # 0..999, position in the logits
    synset: str  # WordNet identifier, "n01440764"
    name: str  # short, unique, for people: "crane (bird)"
    lemmas: tuple[str, ...]  # WordNet's words for it: ("tench", "Tinca tinca")


@cache
def imagenet() -> tuple[ImageNetClass, ...]:
    """Return all 1000 classes in the order of the logits.

    Source: the `source` column of `effviz/facts/imagenet_classes.csv`.
    """
    text = files("effviz").joinpath("facts/imagenet_classes.csv").read_text(encoding="utf-8")
    return tuple(
        ImageNetClass(int(row["index"]), row["synset"], row["name"], tuple(row["lemmas"].split(", ")))
        for row in csv.DictReader(text.splitlines())
    )


@cache
def names() -> tuple[str, ...]:
    """Return the short names in the order of the logits."""
    return tuple(entry.name for entry in imagenet())
