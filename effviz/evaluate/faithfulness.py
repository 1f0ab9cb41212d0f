"""Whether the model itself needs what a map marks: the model is run again on inputs without it, or with nothing else.

Probabilities are the softmax of the map's class. Everything masked is far from what a model was trained on, so these
numbers mean something beside those of a random map with the same masking, and little alone.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from effviz.evaluate.imputation import impute
from effviz.evaluate.masking import (
    Counts,
    Masking,
    baseline_input,
    pixel_counts,
    ranks,
    replaced,
    start_input,
    weights,
)
from effviz.explain.engines import choose
from effviz.explain.forward import run
from effviz.explain.maps import activation_map
from effviz.explain.placement import Doubles
from effviz.explain.results import ActivationMap, Floats, Forward, Prepared

ROAD_SHARES = (0.5, 0.2, 0.8, 0.1, 0.9)  # of the area taken away; when time ends, the first ones are done

Explain = Callable[[Forward], ActivationMap]
Passed = Callable[[], None]  # called after each pass of the model


def _nobody() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The class's probability as more and more of the input changes."""

    fractions: Doubles  # of the input's area, 0..1, (steps + 1,)
    probabilities: Doubles  # (steps + 1,)

    @property
    def auc(self) -> float:
        """Area under the curve by the trapezoidal rule, 0..1."""
        return float(np.trapezoid(self.probabilities, self.fractions))


@dataclass(frozen=True, slots=True)
class Confidence:
    """The class's probability for the whole input, and for what the map keeps of it."""

    whole: float
    kept: float


@dataclass(frozen=True, slots=True)
class Adcc:
    """Three shortcomings that a map cannot hide behind each other, all 0..1."""

    coherency: float  # 1: what the map keeps is explained by the same map
    complexity: float  # mean of the mask
    drop: float

    @property
    def value(self) -> float:
        """Harmonic mean of coherency, 1 - complexity and 1 - drop; 0 when one of them is 0."""
        parts = (self.coherency, 1 - self.complexity, 1 - self.drop)
        return 3 / sum(1 / part for part in parts) if min(parts) > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Road:
    """Half the difference between taking the weakest pixels away and taking the strongest: high is good."""

    value: float  # -0.5..0.5, the mean over all shares; nan when the time ended before the last one
    halves: tuple[float, ...]  # half the difference at each share that was done, in their order


def deletion(forward: Forward, entry: ActivationMap, masking: Masking, passed: Passed = _nobody) -> Curve:
    """Take away the strongest pixels first: a low area under the curve is good.

    Petsiuk et al. 2018 (RISE), https://arxiv.org/abs/1806.07421, section 4.2.
    """
    pixels = forward.prepared.pixels
    return _curve(forward, entry, masking, (pixels, baseline_input(forward.prepared, masking.baseline)), passed)


def insertion(forward: Forward, entry: ActivationMap, masking: Masking, passed: Passed = _nobody) -> Curve:
    """Put the strongest pixels first into the baseline: a high area under the curve is good (Petsiuk et al. 2018)."""
    pixels = forward.prepared.pixels
    return _curve(forward, entry, masking, (start_input(forward.prepared, masking.baseline), pixels), passed)


def confidence(forward: Forward, entry: ActivationMap, masking: Masking) -> Confidence:
    """Run the model on mask * input + (1 - mask) * baseline, the mask being the map from 0 to 1 (`masking.weights`).

    With the baseline `black` that is Chattopadhay et al.'s product of map and picture; with `mean` it is
    pytorch-grad-cam's product of map and normalised input.
    """
    _, logits = run(forward.model, _kept(forward, entry, masking))
    return Confidence(_probability(forward.logits, entry.target_index), _probability(logits, entry.target_index))


def drop(found: Confidence) -> float:
    """Return how much of the confidence is lost with what the map leaves out, as a fraction 0..1: low is good.

    Chattopadhay et al. 2018, https://arxiv.org/abs/1710.11063, section 4.1: max(0, Y - O) / Y; they print percent.
    """
    return max(0.0, found.whole - found.kept) / found.whole if found.whole > 0 else 0.0


def increase(found: Confidence) -> float:
    """Return 1 when the confidence grows with what the map leaves out, else 0 (Chattopadhay et al. 2018)."""
    return float(found.kept > found.whole)


def gain(found: Confidence) -> float:
    """Return how much of the missing confidence is gained, as a fraction 0..1: high is good.

    Zhang et al. 2024 (Opti-CAM), https://arxiv.org/abs/2301.07002, average gain: max(0, O - Y) / (1 - Y).
    """
    return max(0.0, found.kept - found.whole) / (1 - found.whole) if found.whole < 1 else 0.0


def adcc(forward: Forward, entry: ActivationMap, masking: Masking, explain: Explain | None = None) -> Adcc:
    """Explain what the map keeps, and compare (Poppi et al. 2021, https://arxiv.org/abs/2104.10252).

    Coherency is (1 + Pearson's correlation of the two masks) / 2, as in the authors' code, and 0.5 when one of them is
    the same everywhere; complexity is the mean of the mask, its L1 norm by its size.

    Args:
        forward: the pass that the map is of.
        entry: the map.
        masking: of which only the baseline counts.
        explain: makes the map of another pass: a control must say what it would mark there. By default the map's own
            method, class and layer.
    """
    again = explain or _same(entry)
    mask = weights(entry, forward.prepared.size_px)
    other = weights(again(_masked_forward(forward, entry, masking)), forward.prepared.size_px)
    return Adcc(_coherency(mask, other), float(mask.mean()), drop(confidence(forward, entry, masking)))


def road(
    forward: Forward,
    entry: ActivationMap,
    budget_s: float = math.inf,
    shares: Sequence[float] = ROAD_SHARES,
    passed: Passed = _nobody,
) -> Road:
    """Take pixels away and fill them in from their neighbours, so that the mask's shape betrays little.

    ROAD (Rong et al. 2022, https://arxiv.org/abs/2202.00449), combined as in pytorch-grad-cam: the mean over `shares`
    of (p without the weakest - p without the strongest) / 2. No share is begun after `budget_s`; a mean over some of
    them would be another measure than one over all.
    """
    started, places = time.monotonic(), ranks(entry, forward.prepared.size_px)
    halves: list[float] = []
    for share in shares:
        asked = time.monotonic()
        passed()
        started += time.monotonic() - asked  # what others do meanwhile does not count
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
    forward: Forward, entry: ActivationMap, masking: Masking, inputs: tuple[Floats, Floats], passed: Passed
) -> Curve:
    places = ranks(entry, forward.prepared.size_px)
    counts = pixel_counts(masking.steps, places.size)
    masked = replaced(*inputs, places, counts.tolist())
    return Curve(counts / places.size, _probabilities(forward, masked, entry.target_index, passed))


def _probabilities(forward: Forward, inputs: Iterable[Floats], index: int, passed: Passed = _nobody) -> Doubles:
    found = []
    for _, logits in choose(forward.model, forward.prepared.size_px).engine.many(inputs):
        found.append(_probability(logits[0], index))
        passed()
    return np.array(found)


def _probability(logits: Floats, index: int) -> float:
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    return float(exponentials[index] / exponentials.sum())


def _kept(forward: Forward, entry: ActivationMap, masking: Masking) -> Floats:
    mask = weights(entry, forward.prepared.size_px).astype(np.float32)
    baseline = baseline_input(forward.prepared, masking.baseline)
    return baseline + mask * (forward.prepared.pixels - baseline)


def _masked_forward(forward: Forward, entry: ActivationMap, masking: Masking) -> Forward:
    """Pass on what the map keeps, as a picture: methods that run the network again find it in `prepared`."""
    before = forward.prepared
    mean, std = np.array(before.mean, np.float32), np.array(before.std, np.float32)
    picture = _kept(forward, entry, masking)[0].transpose(1, 2, 0) * std + mean
    prepared: Prepared = dataclasses.replace(before, rgb=np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    features, logits = run(forward.model, prepared.pixels)
    return dataclasses.replace(forward, prepared=prepared, features=features, logits=logits)


def _same(entry: ActivationMap) -> Explain:
    return lambda forward: activation_map(forward, entry.target_index, entry.method, entry.layer)


def _coherency(a: Doubles, b: Doubles) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.5
    return float((1 + np.corrcoef(a.ravel(), b.ravel())[0, 1]) / 2)
