"""Faithfulness metrics: whether the model needs what a map highlights, tested by removing it or keeping nothing else.

Probabilities are of the map's class, by softmax or sigmoid as the model was trained. Masked inputs are far from a
model's training data, so the values mean little on their own: compare them with those of a random map under the same
masking.
"""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.linalg import splu  # type: ignore[import-untyped]

from effviz.evaluate.heatmaps import Control, control_map
from effviz.evaluate.masking import (
    RANDOM_MAPS,
    Counts,
    Masking,
    baseline_input,
    orders,
    pixel_counts,
    ranks,
    replaced,
    start_input,
    weights,
)
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import ActivationMap, Bytes, Doubles, Floats, Forward, Prepared, read_only
from effviz.explain.engines import choose
from effviz.explain.forward_pass import head_at, run_network
from effviz.explain.targets import output_probabilities
from effviz.progress import Heartbeat, Progress, no_progress

# ROAD's noisy linear imputation fills in missing pixels from their neighbours.
# The equations are those of pytorch-grad-cam's `NoisyLinearImputer`, but vectorised and solved with one factorisation
# for all three channels, which takes a fraction of the time.

ROAD_NOISE = 0.01  # standard deviation of the noise on imputed pixels, in normalised units; the authors' value

ROAD_NEIGHBOURS = {
    **dict.fromkeys([(0, 1), (0, -1), (1, 0), (-1, 0)], 1 / 6),
    **dict.fromkeys([(1, 1), (1, -1), (-1, 1), (-1, -1)], 1 / 12),
}

Booleans = npt.NDArray[np.bool_]


def impute(pixels: Floats, hidden: Booleans, noise: float = ROAD_NOISE, seed: int = 0) -> Floats:
    """Return pixels (C, H, W) with the hidden ones (H, W) replaced by a weighted mean of their neighbours, plus noise.

    Each mean is over the up to eight neighbours inside the picture. If all pixels are hidden, it is 0, the mean pixel.
    """
    filled = np.array(pixels, np.float32)
    count = int(hidden.sum())
    if not count:
        return filled
    channels = len(pixels)
    solution = _solve_hidden(pixels, hidden) if count < hidden.size else np.zeros((count, channels))
    spread = np.random.default_rng(seed).standard_normal((count, channels)) * noise
    filled[:, hidden] = (solution + spread).T
    return filled


def _solve_hidden(pixels: Floats, hidden: Booleans) -> Doubles:
    """Solve for the hidden pixels in reading order, (N, C)."""
    order = np.arange(hidden.sum())
    number = np.full(hidden.shape, -1, np.intp)
    number[hidden] = order
    total, right_side = np.zeros(len(order)), np.zeros((len(order), len(pixels)))
    entries = [(order, order, total)]  # rows, columns and values of the matrix; the loop fills the diagonal
    for (down, right), weight in ROAD_NEIGHBOURS.items():
        y, x = np.nonzero(hidden) + np.array([[down], [right]])  # position of each pixel's neighbour
        inside = (y >= 0) & (y < hidden.shape[0]) & (x >= 0) & (x < hidden.shape[1])
        rows, y, x = order[inside], y[inside], x[inside]
        columns = number[y, x]
        total[rows] += weight
        shown = columns < 0
        right_side[rows[shown]] += weight * pixels[:, y[shown], x[shown]].T
        entries.append((rows[~shown], columns[~shown], np.full(len(rows) - shown.sum(), -weight)))
    rows, columns, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    matrix = coo_array((values, (rows, columns))).tocsc()
    # symmetric and diagonally dominant: no pivoting is needed, and a symmetric ordering gives the least fill-in
    solver = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
    return np.asarray(solver.solve(right_side), np.float64)


ROAD_SHARES = (0.5, 0.2, 0.8, 0.1, 0.9)  # shares of the area to remove, in the order computed until time runs out
Explain = Callable[[Forward], ActivationMap]


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityCurve:
    """The class's probability as more and more of the input is changed."""

    fractions: Doubles  # of the input's area, 0..1, (steps + 1,)
    probabilities: Doubles  # (steps + 1,)

    @property
    def auc(self) -> float:
        """Area under the curve by the trapezoidal rule, 0..1."""
        return float(np.trapezoid(self.probabilities, self.fractions))


@dataclass(frozen=True, slots=True)
class Confidence:
    """The class's probability for the whole input, and for the input masked by the map."""

    whole: float
    kept: float


@dataclass(frozen=True, slots=True)
class Adcc:
    """The components of ADCC, all 0..1: a map cannot hide one shortcoming behind another."""

    coherency: float  # 1: the masked input has the same map
    complexity: float  # mean of the mask
    drop: float

    @property
    def value(self) -> float:
        """Harmonic mean of coherency, 1 - complexity and 1 - drop; 0 if one of them is 0."""
        parts = (self.coherency, 1 - self.complexity, 1 - self.drop)
        return 3 / sum(1 / part for part in parts) if min(parts) > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Road:
    """Half the difference in probability between removing the weakest and the strongest pixels; higher is better."""

    value: float  # -0.5..0.5, the mean over all shares; nan if time ran out before the last one
    halves: tuple[float, ...]  # half the difference at each share that was computed, in order


def deletion(
    forward: Forward, entry: ActivationMap, masking: Masking, passed: Heartbeat = no_progress
) -> ProbabilityCurve:
    """Remove the strongest pixels first; a lower area under the curve is better.

    Petsiuk et al. 2018 (RISE), https://arxiv.org/abs/1806.07421, section 4.2.
    """
    ends = forward.prepared.pixels, baseline_input(forward.prepared, masking.baseline)
    return _curve(forward, entry, masking, ends, passed)


def insertion(
    forward: Forward, entry: ActivationMap, masking: Masking, passed: Heartbeat = no_progress
) -> ProbabilityCurve:
    """Insert the strongest pixels first into the baseline; a higher area is better (Petsiuk et al. 2018)."""
    ends = start_input(forward.prepared, masking.baseline), forward.prepared.pixels
    return _curve(forward, entry, masking, ends, passed)


def confidence(forward: Forward, entry: ActivationMap, masking: Masking) -> Confidence:
    """Run the model on mask * input + (1 - mask) * baseline, where the mask is the map from 0 to 1 (`masking.weights`).

    With the baseline `black`, this is Chattopadhay et al.'s product of map and picture; with `mean`, it is
    pytorch-grad-cam's product of map and normalised input.
    """
    _, logits = run_network(forward.model, _kept(forward, entry, masking))
    before, after = (output_probabilities(scores, forward.model.ref.spec) for scores in (forward.logits, logits))
    return Confidence(float(before[entry.target_index]), float(after[entry.target_index]))


def drop(confidence: Confidence) -> float:
    """Return the fraction of the confidence lost on the masked input, 0..1; lower is better.

    Chattopadhay et al. 2018, https://arxiv.org/abs/1710.11063, section 4.1: max(0, Y - O) / Y, there in percent.
    """
    return max(0.0, confidence.whole - confidence.kept) / confidence.whole if confidence.whole > 0 else 0.0


def increase(confidence: Confidence) -> float:
    """Return 1 if the confidence is higher on the masked input, else 0 (Chattopadhay et al. 2018)."""
    return float(confidence.kept > confidence.whole)


def gain(confidence: Confidence) -> float:
    """Return the fraction of the missing confidence gained on the masked input, 0..1; higher is better.

    Zhang et al. 2024 (Opti-CAM), https://arxiv.org/abs/2301.07002, average gain: max(0, O - Y) / (1 - Y).
    """
    return max(0.0, confidence.kept - confidence.whole) / (1 - confidence.whole) if confidence.whole < 1 else 0.0


def adcc(forward: Forward, entry: ActivationMap, masking: Masking, explain: Explain | None = None) -> Adcc:
    """Explain the masked input and compare the two maps (Poppi et al. 2021, https://arxiv.org/abs/2104.10252).

    Coherency is (1 + Pearson's correlation of the two masks) / 2, as in the authors' code, and 0.5 if one of them is
    constant. Complexity is the mean of the mask, its L1 norm divided by its size. Only the baseline of `masking` is
    used. `explain` computes the masked input's map, by default with the map's own method; controls pass their own.
    """
    masked = _masked_forward(forward, entry, masking)
    again = explain(masked) if explain else activation_map(masked, entry.target_index, entry.method, entry.layer)
    mask, other = (weights(one, forward.prepared.size_px) for one in (entry, again))
    return Adcc(_coherency(mask, other), float(mask.mean()), drop(confidence(forward, entry, masking)))


def road(
    forward: Forward,
    entry: ActivationMap,
    budget_s: float = math.inf,
    shares: Sequence[float] = ROAD_SHARES,
    passed: Heartbeat = no_progress,
) -> Road:
    """Remove pixels and fill them in from their neighbours, so that the mask's shape leaks little information.

    ROAD (Rong et al. 2022, https://arxiv.org/abs/2202.00449), combined as in pytorch-grad-cam: the mean over `shares`
    of (p without the weakest - p without the strongest) / 2. No share is started after `budget_s`, and an incomplete
    ROAD has no value, because a mean over some shares would be a different metric.
    """
    started, places = time.monotonic(), ranks(entry, forward.prepared.size_px)
    halves: list[float] = []
    for share in shares:
        asked = time.monotonic()
        passed()
        started += time.monotonic() - asked  # time yielded to other work does not count
        if time.monotonic() - started >= budget_s:
            return Road(math.nan, tuple(halves))
        halves.append(_road_difference(forward, entry, places, share) / 2)
    return Road(float(np.mean(halves)), tuple(halves))


def _road_difference(forward: Forward, entry: ActivationMap, places: Counts, share: float) -> float:
    pixels, count = forward.prepared.pixels[0], round(share * places.size)
    strongest, weakest = places < count, places >= places.size - count
    filled = (impute(pixels, hidden)[None] for hidden in (weakest, strongest))
    kept, lost = _probabilities(forward, filled, entry.target_index)
    return float(kept - lost)


def _curve(
    forward: Forward, entry: ActivationMap, masking: Masking, inputs: tuple[Floats, Floats], passed: Heartbeat
) -> ProbabilityCurve:
    places = ranks(entry, forward.prepared.size_px)
    counts = pixel_counts(masking.steps, places.size)
    masked = replaced(*inputs, places, counts.tolist())
    return ProbabilityCurve(counts / places.size, _probabilities(forward, masked, entry.target_index, passed))


def _probabilities(forward: Forward, inputs: Iterable[Floats], index: int, passed: Heartbeat = no_progress) -> Doubles:
    probabilities, spec = [], forward.model.ref.spec
    for _, logits in choose(forward.model, forward.prepared.size_px).engine.many(inputs):
        probabilities.append(output_probabilities(logits[0], spec)[index])
        passed()
    return np.array(probabilities)


def _kept(forward: Forward, entry: ActivationMap, masking: Masking) -> Floats:
    mask = weights(entry, forward.prepared.size_px).astype(np.float32)
    baseline = baseline_input(forward.prepared, masking.baseline)
    return baseline + mask * (forward.prepared.pixels - baseline)


def _masked_forward(forward: Forward, entry: ActivationMap, masking: Masking) -> Forward:
    """Return the forward pass of the masked input, with its picture, for methods that run the network again."""
    picture = _picture(_kept(forward, entry, masking), forward.prepared)
    prepared: Prepared = dataclasses.replace(forward.prepared, rgb=picture)
    features, logits = run_network(forward.model, prepared.pixels)
    head = head_at(forward.model, features, logits)
    return dataclasses.replace(forward, prepared=prepared, features=features, logits=logits, head=head)


def _coherency(a: Doubles, b: Doubles) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.5
    return float((1 + np.corrcoef(a.ravel(), b.ravel())[0, 1]) / 2)


# Deletion and insertion of a map and its controls, stored for playback step by step.

MAX_STEPS = 255  # a pixel's step is stored in one byte


@dataclass(frozen=True, slots=True)
class DeletionInsertion:
    """The deletion and insertion curves of one map."""

    deletion: ProbabilityCurve
    insertion: ProbabilityCurve


@dataclass(frozen=True, slots=True, eq=False)
class Playback:
    """A model's inputs at each step of deletion and insertion, and the resulting probabilities."""

    map: DeletionInsertion
    random: tuple[DeletionInsertion, ...]  # of RANDOM_MAPS random maps
    gaussian: DeletionInsertion  # of a Gaussian in the middle of the part that the model saw
    order: Bytes  # (S, S): the step at which each input pixel changes, from 1
    picture: Bytes  # (S, S, 3): the model's input
    rest: Bytes  # (S, S, 3): the model's input with everything removed

    @property
    def controls(self) -> tuple[DeletionInsertion, ...]:
        """The curves of the controls, which the map has to beat."""
        return *self.random, self.gaussian

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.order.nbytes + self.picture.nbytes + self.rest.nbytes + 16384


class FaithfulAnswer(StrEnum):
    """Whether the model relies on what its map highlights."""

    YES = "yes"  # better than every control by both deletion and insertion
    NO = "no"  # worse than every random map by both
    CANNOT_TELL = "cannot tell"  # in between, or better by only one


def is_faithful(playback: Playback) -> FaithfulAnswer:
    """Judge a map by comparing its areas under the curves with those of the controls.

    A random map can be expected to beat an uninformative map half of the time, so a single photo is inconclusive if its
    map ranks among the random ones.
    """
    if all(count == len(playback.controls) for count in beaten(playback)):
        return FaithfulAnswer.YES
    away, back = playback.map.deletion.auc, playback.map.insertion.auc
    worse = all(other.deletion.auc < away and other.insertion.auc > back for other in playback.random)
    return FaithfulAnswer.NO if worse else FaithfulAnswer.CANNOT_TELL


def beaten(playback: Playback) -> tuple[int, int]:
    """Return how many controls have a larger deletion area, and how many a smaller insertion area."""
    return (
        sum(other.deletion.auc > playback.map.deletion.auc for other in playback.controls),
        sum(other.insertion.auc < playback.map.insertion.auc for other in playback.controls),
    )


def playback_passes(masking: Masking) -> int:
    """Return the number of forward passes: the shared ends of all curves, and the steps between them."""
    return 3 + 2 * (2 + RANDOM_MAPS) * (masking.steps - 1)


def make_playback(
    forward: Forward, entry: ActivationMap, masking: Masking, progress: Progress = no_progress
) -> Playback:
    """Run the model on all steps of all maps in one batch; `progress` receives the share done after each pass.

    The random maps are seeded with the photo's hash, so they are the same each time.
    """
    assert 0 < masking.steps <= MAX_STEPS
    prepared, done, passes = forward.prepared, itertools.count(1), playback_passes(masking)
    inputs = _playback_inputs(prepared, entry, masking)
    probabilities = _probabilities(forward, inputs, entry.target_index, lambda: progress(next(done) / passes))
    first, *random, gaussian = _playback_curves(probabilities, masking, prepared.size_px)
    rest = _picture(baseline_input(prepared, masking.baseline), prepared)
    order = _step_of_pixels(entry, masking, prepared.size_px)
    return Playback(first, tuple(random), gaussian, order, prepared.rgb, rest)


def _playback_inputs(prepared: Prepared, entry: ActivationMap, masking: Masking) -> Iterator[Floats]:
    """Yield the three ends, then for each map the steps between them: deletion, then insertion."""
    whole, rest = prepared.pixels, baseline_input(prepared, masking.baseline)
    start = start_input(prepared, masking.baseline)
    yield from (whole, rest, start)
    seeds = [f"control {entry.photo_sha256} {number}" for number in range(RANDOM_MAPS)]
    random = [control_map(entry, Control.RANDOM, seed) for seed in seeds]
    maps = (entry, *random, control_map(entry, Control.CROP_GAUSSIAN, 0))
    counts = pixel_counts(masking.steps, whole[0, 0].size)[1:-1].tolist()
    for places in orders(maps, prepared.size_px):
        yield from replaced(whole, rest, places, counts)
        yield from replaced(start, whole, places, counts)


def _playback_curves(probabilities: Doubles, masking: Masking, size_px: int) -> Iterator[DeletionInsertion]:
    whole, rest, start = probabilities[:3]
    shares = pixel_counts(masking.steps, size_px**2) / size_px**2
    for away, back in probabilities[3:].reshape(2 + RANDOM_MAPS, 2, masking.steps - 1):
        yield DeletionInsertion(
            ProbabilityCurve(shares, np.array([whole, *away, rest])),
            ProbabilityCurve(shares, np.array([start, *back, whole])),
        )


def _step_of_pixels(entry: ActivationMap, masking: Masking, size_px: int) -> Bytes:
    """Return the step at which each pixel changes, (S, S)."""
    places = ranks(entry, size_px)
    steps = np.searchsorted(pixel_counts(masking.steps, places.size), places, side="right")
    return read_only(steps.astype(np.uint8))


def _picture(pixels: Floats, prepared: Prepared) -> Bytes:
    """Return normalised pixels (1, 3, S, S) as a picture (S, S, 3)."""
    mean, std = np.array(prepared.mean, np.float32), np.array(prepared.std, np.float32)
    return read_only(np.rint((pixels[0].transpose(1, 2, 0) * std + mean).clip(0, 1) * 255).astype(np.uint8))
