"""What is handed to whoever measures, and what comes back."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from effviz.evaluate.manifest import Manifest
from effviz.evaluate.records import Row
from effviz.evaluate.samples import Sample
from effviz.zoo.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some photos of a run: measured together, written together."""

    start: int  # number of the first one in the run
    samples: tuple[Sample, ...]


Measured = tuple[Part, list[Row]]
Measure = Callable[[Iterable[Part], Manifest], Generator[Measured, None, None]]  # parts may come back in any order


@dataclass(frozen=True, slots=True, eq=False)
class Workers:
    """Who measures the parts of a run."""

    measure: Measure
    models: tuple[Model, ...] = ()  # those of the run in its order, where they are loaded already
