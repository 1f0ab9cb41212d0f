"""Times class activation maps beside pytorch-grad-cam, torchcam and the bare forward passes of OpenVINO.

One process, the same weights and photo on both sides, no results kept between runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from effviz.bench.comparisons import COMPARISONS, Comparison, Subject
from effviz.bench.timing import Times, against_one, side_by_side
from effviz.zoo.loading import load_all
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import PRESETS

OURS_OF_LONG = 5  # timed runs of our side where the peer has one
REFS = next(preset.refs for preset in PRESETS if preset.name == "scaling-axes")


@dataclass(frozen=True, slots=True)
class CamRow:
    """One comparison."""

    name: str
    ours: Times
    peer: Times
    at_least: float  # the ratio that is wanted
    target: str  # the same in words

    @property
    def ours_ms(self) -> float:
        """Median of our times."""
        return self.ours.median_ms

    @property
    def peer_ms(self) -> float:
        """Median of the peer's times."""
        return self.peer.median_ms

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer."""
        return self.peer_ms / self.ours_ms

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.at_least


@dataclass(frozen=True, slots=True)
class CamBench:
    """All comparisons that could be made, and a sentence about each that could not."""

    rows: tuple[CamRow, ...]
    skipped: tuple[str, ...]


def bench(repeats: int = 15, refs: Sequence[ModelRef] = REFS, long: bool = True) -> CamBench:
    """Time every comparison on the models of "Scaling axes", those of one model on the first; `long` ones on demand."""
    subject = Subject.of(load_all(refs))
    rows, skipped = [], []
    for make, missing in COMPARISONS:
        if sentence := missing(subject):
            skipped.append(sentence)
            continue
        found = make(subject)
        if found.long and not long:
            skipped.append(f"{found.name} is left out: its peer takes about a minute. Ask for it with --long.")
        else:
            rows.append(_row(found, repeats))
    return CamBench(tuple(rows), tuple(skipped))


def _row(of: Comparison, repeats: int) -> CamRow:
    if of.long:
        ours, peer = against_one(of.ours, of.peer, min(repeats, OURS_OF_LONG))
    else:
        ours, peer = side_by_side(of.ours, of.peer, repeats)
    return CamRow(of.name, ours, peer, of.at_least, of.target)
