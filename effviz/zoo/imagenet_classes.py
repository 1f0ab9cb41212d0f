"""The 1000 ImageNet classes: a short display name, the WordNet synset, and its synonyms for searching."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from effviz.facts import tables


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class of ImageNet-1k."""

    index: int  # 0..999, position in the logits
    synset: str  # WordNet identifier, "n01440764"
    name: str  # short and unique display name: "crane (bird)"
    lemmas: tuple[str, ...]  # WordNet's synonyms: ("tench", "Tinca tinca")


@cache
def all_classes() -> tuple[ImageNetClass, ...]:
    """Return all 1000 classes in the order of the logits; the source is a column of `facts/imagenet_classes.csv`."""
    table = tables.rows("imagenet_classes")
    return tuple(tables.record(ImageNetClass, row, lemmas=tuple(row["lemmas"].split(", "))) for row in table)


@cache
def names() -> tuple[str, ...]:
    """Return the short names in the order of the logits."""
    return tuple(entry.name for entry in all_classes())


@cache
def _by_word() -> dict[str, frozenset[int]]:
    """Return the classes that each lower-case word may mean."""
    indices: dict[str, set[int]] = {}
    for entry in all_classes():
        for word in (entry.name, *entry.lemmas):
            indices.setdefault(word.lower(), set()).add(entry.index)
    return {word: frozenset(meant) for word, meant in indices.items()}


def find_indices(words: Iterable[str]) -> frozenset[int] | None:
    """Return the classes that these names or WordNet synonyms mean; None if ImageNet lacks one of them."""
    meant = [_by_word().get(word.lower()) for word in words]
    groups = [index for index in meant if index is not None]
    return frozenset().union(*groups) if len(groups) == len(meant) else None


def find_label_slot(name: str, labels: Sequence[str]) -> int | None:
    """Return the index of a class by name: an exact match, otherwise the first match that ignores case."""
    if name in labels:
        return labels.index(name)
    folded = name.casefold()
    return next((index for index, label in enumerate(labels) if label.casefold() == folded), None)
