"""What is handed to whoever measures, and what comes back."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from effviz.evaluate.records import Row
from effviz.evaluate.samples import Sample
from effviz.evaluate.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some photos of a run: measured together, written together."""

    start: int  # number of the first one in the run
    samples: tuple[Sample, ...]


Measured = tuple[Part, list[Row]]
Workers = Callable[[Iterable[Part], Settings], Generator[Measured, None, None]]  # parts may come back in any order
