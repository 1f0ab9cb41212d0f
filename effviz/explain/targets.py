"""Which class a map explains: the model's own first guess, one class for all models, or a rank."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from effviz.errors import TargetError
from effviz.explain.data_types import Forward
from effviz.i18n import _
from effviz.zoo.imagenet_classes import find_label_slot
from effviz.zoo.model import ModelSpec, OutputActivation

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")


class TargetKind(StrEnum):
    """How a target names its class."""

    TOP1 = "top1"  # each model's own first guess
    CLASS = "class"  # an index or a name, the same for all models
    RANK = "rank"  # each model's n-th choice, from 1


@dataclass(frozen=True, slots=True)
class Target:
    """A class to explain; only top1 and rank depend on the model's logits."""

    kind: TargetKind = TargetKind.TOP1
    value: int | str = 1  # the rank, the class index, or user input: a class name or index

    def __str__(self) -> str:
        """Return the text that `parse_target` parses: "top1", "rank2", "207" or "golden retriever"."""
        if self.kind is TargetKind.CLASS:
            return str(self.value)
        return "top1" if self.kind is TargetKind.TOP1 else f"rank{self.value}"


TOP1 = Target()


@dataclass(frozen=True, slots=True)
class Guess:
    """A class as a model ranks it."""

    index: int
    name: str
    logit: float
    probability: float


def parse_target(text: str) -> Target:
    """Parse "top1", "rank2", a class index or a name, even an unknown one; raises TargetError if empty or rank < 1."""
    word = text.strip()
    if not word:
        raise TargetError(_("No class was given. Enter top1, a rank such as rank2, a class index or a class name."))
    if word.lower() == TargetKind.TOP1:
        return TOP1
    prefix, number = word[:4].lower(), word[4:]
    if prefix != TargetKind.RANK or not _INTEGER.fullmatch(number):
        return Target(TargetKind.CLASS, word)
    if int(number) < 1:
        text = _("Rank {number} does not exist: ranks start at 1. Enter rank1 for the first guess.")
        raise TargetError(text.format(number=int(number)))
    return Target(TargetKind.RANK, int(number))


def resolve_target(target: Target | int, forward: Forward) -> int:
    """Return the class index of a target or plain index for this pass; raises TargetError if there is no such class."""
    if isinstance(target, Target) and target.kind is not TargetKind.CLASS:
        rank, classes = int(target.value), len(forward.logits)
        if not 1 <= rank <= classes:
            text = _("Rank {rank} does not exist: this model ranks classes from 1 to {classes}. Choose one of those.")
            raise TargetError(text.format(rank=rank, classes=classes))
        return int(_order(forward)[rank - 1])
    value = target.value if isinstance(target, Target) else target
    return _written(value, forward) if isinstance(value, str) else _checked(int(value), forward)


def probabilities(forward: Forward) -> npt.NDArray[np.float64]:
    """Return the model's probability of each class, (K,): softmax, or sigmoids, which need not sum to 1."""
    return output_probabilities(forward.logits, forward.model.ref.spec)


def output_probabilities(logits: npt.NDArray[np.float32], spec: ModelSpec) -> npt.NDArray[np.float64]:
    """Return the probabilities of logits (K,), using the output activation that the network was trained with."""
    if spec.arithmetic.output is OutputActivation.SIGMOID:
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64))))  # 1 / (1 + exp(-x)), without overflow
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(exponentials / exponentials.sum())


def top_guesses(forward: Forward, count: int = 5) -> tuple[Guess, ...]:
    """Return the classes with the highest logits, highest first."""
    chances, names = probabilities(forward), forward.model.ref.spec.classes
    return tuple(Guess(int(i), names[i], float(forward.logits[i]), float(chances[i])) for i in _order(forward)[:count])


def search_classes(query: str, classes: Sequence[str], limit: int = 20) -> list[int]:
    """Return classes that match a search: whole names first, then prefixes, then substrings, then close spellings.

    Example:
        >>> search_classes("retriever", ["tench", "golden retriever", "retriever"])
        [2, 1]
    """
    wanted = query.strip().lower()
    if not wanted:
        return []
    names = [name.lower() for name in classes]
    matches = sorted((_distance(wanted, name), index) for index, name in enumerate(names) if wanted in name)
    hits = [index for _, index in matches]
    close = difflib.get_close_matches(wanted, names, n=limit, cutoff=0.6)
    return list(dict.fromkeys([*hits, *(names.index(name) for name in close)]))[:limit]


def _distance(wanted: str, name: str) -> int:
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    return 2 if f" {wanted}" in name else 3


def _order(forward: Forward) -> npt.NDArray[np.intp]:
    return np.argsort(-forward.logits, kind="stable")


def _checked(index: int, forward: Forward) -> int:
    classes = len(forward.logits)
    if not 0 <= index < classes:
        text = _("Class {index} does not exist: this model has classes 0 to {last}. Pick one from the list.")
        raise TargetError(text.format(index=index, last=classes - 1))
    return index


def _written(word: str, forward: Forward) -> int:
    """Return the class with that name, which may be a number, or else the class with that number."""
    classes = forward.model.ref.spec.classes
    if (named := find_label_slot(word, classes)) is not None:
        return named
    if _INTEGER.fullmatch(word):
        return _checked(int(word), forward)
    close = [f'"{classes[index]}"' for index in search_classes(word, classes, limit=3)]
    advice = _("Search the list for a different word.")
    if close:
        advice = _("Did you mean {names}?").format(names=_(" or ").join(close))
    text = _('Class "{name}" does not exist: this model has {count} named classes. {advice}')
    raise TargetError(text.format(name=word, count=len(classes), advice=advice))
