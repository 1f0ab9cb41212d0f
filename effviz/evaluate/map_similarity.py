"""Similarity of two maps of a photo: of two models, of a model before and after randomisation, or of two classes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from effviz import optional_packages
from effviz.errors import SettingsError
from effviz.evaluate.masking import enlarged
from effviz.explain import activation_maps
from effviz.explain.activation_maps import activation_map
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Box, Doubles, Floats, Forward, Method
from effviz.explain.placement import read_map_value
from effviz.explain.targets import Target, resolve_target
from effviz.i18n import _

# Agreement: two models' maps of one photo, which may have different grids and crops.

POINTS = 64  # per side of the common grid: finer than any last layer, and a comparison takes only milliseconds
TOP_AREA = 0.2


@dataclass(frozen=True, slots=True)
class Agreement:
    """Similarity of two maps, of their positive evidence in the part of the photo that both models saw.

    nan if a map has no positive evidence; the rank correlation also if a map is constant.
    """

    spearman: float  # rank correlation over points, -1..1
    iou_top20: float  # intersection over union of the strongest fifths of the area, 0..1
    centroid_distance: float  # between the centres of evidence, as a share of the photo's diagonal


def agreement(a: ActivationMap, b: ActivationMap) -> Agreement:
    """Compare two maps of the same photo in photo coordinates.

    Both are sampled at the same 64 x 64 points, interpolated between cell centres (plain placement).

    Raises:
        SettingsError: the maps are of different photos, or the models saw no common part.
    """
    if a.photo_sha256 != b.photo_sha256:
        text = _(
            "The maps are of {first} and {second}: agreement needs two maps of the same photo. Choose two of one photo."
        )
        raise SettingsError(text.format(first=a.photo, second=b.photo))
    box = common(a.seen, b.seen)
    first, second = evidence(a, box), evidence(b, box)
    if not (first.any() and second.any()):
        return Agreement(math.nan, math.nan, math.nan)
    step = np.hypot(*(_centroid(first, box) - _centroid(second, box)))
    return Agreement(spearman(first, second), iou_top(first, second), float(step / math.hypot(*a.photo_size)))


def common(a: Box, b: Box) -> Box:
    """Return the intersection of two boxes.

    Raises:
        SettingsError: the boxes do not overlap.
    """
    box = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1))
    if box.x0 >= box.x1 or box.y0 >= box.y1:
        raise SettingsError(
            _("The two models saw parts of the photo that do not overlap. Choose another pair of models.")
        )
    return box


def evidence(entry: ActivationMap, box: Box) -> Doubles:
    """Return the positive evidence at 64 x 64 points of a box, as shares that sum to 1; zeros if there is none."""
    down, across = read_map_value(entry, _places(box.x0, box.x1), _places(box.y0, box.y1))
    sampled = down @ np.maximum(entry.values.astype(np.float64), 0) @ across.T
    total = sampled.sum()
    return sampled / total if total > 0 else sampled


def spearman(a: Doubles, b: Doubles) -> float:
    """Return Spearman's rank correlation; ties share their mean rank."""
    ranks = np.array([_ranks(a), _ranks(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((ranks**2).sum(axis=1).prod())
    return float(ranks[0] @ ranks[1] / spread) if spread > 0 else math.nan


def iou_top(a: Doubles, b: Doubles, area: float = TOP_AREA) -> float:
    """Return the intersection over union of the strongest `area` of each map; points without evidence never count."""
    first, second = _strongest(a, area), _strongest(b, area)
    return float((first & second).sum() / (first | second).sum())


def _strongest(shares: Doubles, area: float) -> npt.NDArray[np.bool_]:
    count = max(1, round(area * shares.size))
    least = np.partition(shares, -count, axis=None)[-count]
    return np.asarray((shares >= least) & (shares > 0))


def _ranks(values: Doubles) -> Doubles:
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _centroid(shares: Doubles, box: Box) -> Doubles:
    """Return the centroid (x, y) in pixels of the photo; the shares must sum to 1."""
    return np.array([shares.sum(axis=0) @ _places(box.x0, box.x1), shares.sum(axis=1) @ _places(box.y0, box.y1)])


def _places(start: float, end: float) -> Doubles:
    return start + (np.arange(POINTS) + 0.5) * (end - start) / POINTS


# Structural similarity (SSIM) of two pictures.

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5  # a window of 11 x 11
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2  # for values in 0..1


def ssim(a: Doubles, b: Doubles) -> float:
    """Return the mean structural similarity of two pictures with values in 0..1: at most 1, for equal pictures.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: Gaussian windows of 11 x 11, only those entirely inside
    the picture.

    Raises:
        ValueError: the pictures are smaller than a window, or their sizes differ.
    """
    if a.shape != b.shape or min(a.shape) <= 2 * SSIM_RADIUS:
        raise ValueError(f"pictures of {a.shape} and {b.shape}")
    mean_a, mean_b = _window_means(a), _window_means(b)
    variance_a, variance_b = _window_means(a * a) - mean_a**2, _window_means(b * b) - mean_b**2
    covariance = _window_means(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + SSIM_C1) / (mean_a**2 + mean_b**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance_a + variance_b + SSIM_C2)
    return float((light * structure).mean())


def _window_means(picture: Doubles) -> Doubles:
    """Return the weighted mean in each window."""
    from scipy.ndimage import correlate1d  # type: ignore[import-untyped]  # lazy: pages load without it

    weights = np.exp(-((np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) / SSIM_SIGMA) ** 2) / 2)
    weights /= weights.sum()
    smooth = correlate1d(correlate1d(picture, weights, axis=0), weights, axis=1)
    return np.asarray(smooth[SSIM_RADIUS:-SSIM_RADIUS, SSIM_RADIUS:-SSIM_RADIUS])


# Sanity checks: a method whose map stays the same when the weights are randomised shows the photo's edges, not the
# model.

TRAINED = "trained"  # the first entry: nothing is randomised yet
COMPARED_PX = 64  # maps are upsampled to this size before comparison


@dataclass(frozen=True, slots=True, eq=False)
class ComparedMap:
    """A map after the weights were randomised down to a part, or of another class, compared with the original map."""

    stage: str  # "trained", "classifier", "head", "stage 7" ... "stage 1", "stem": the part randomised last
    map: ActivationMap
    spearman: float  # rank correlation with the original map, -1..1; nan if a map is constant
    ssim: float  # structural similarity to the original map, both scaled to 0..1; 1 if they are equal


def cascade(whole: Forward, target: Target | int, method: Method, seed: int = 0) -> Iterator[ComparedMap]:
    """Yield the maps as the network is randomised from the top, starting with the trained network's own.

    Cascading randomisation (Adebayo et al. 2018, https://arxiv.org/abs/1810.03292, section 4): the weights of
    convolutions and of the classifier are drawn from a normal distribution with the trained weights' spread, and biases
    are set to zero. Batch norm keeps its statistics and factors: without them, every map is constant. The class stays
    that of the trained model. The private copy of the model is freed when the caller stops. A part's input does not
    depend on later parts, so each pass starts at the part that was randomised last.

    Raises:
        TargetError: the model has no such class.
        SettingsError: the method runs the network hundreds of times; choose another one.
    """
    check_method(method)
    index = resolve_target(target, whole)
    first = activation_map(whole, index, method)
    yield ComparedMap(TRAINED, first, 1.0, 1.0)
    optional_packages.require(*optional_packages.TORCH)
    from effviz.explain import network_stages  # lazy: it loads torch

    for stage, passed in network_stages.randomised_passes(whole, seed):
        yield _compared(stage, first, activation_map(passed, index, method))


def random_logit(forward: Forward, target: Target | int, method: Method, seed: int = 0) -> ComparedMap:
    """Compare a map with that of another class, drawn at random (Sixt et al. 2020, https://arxiv.org/abs/1912.09818).

    High similarity means that the method does not show what distinguishes this class. The class is drawn anew for each
    photo, so a mean over photos is also a mean over other classes.

    Raises:
        TargetError: the model has no such class.
    """
    index = resolve_target(target, forward)
    others = np.delete(np.arange(len(forward.logits)), index)
    other = int(np.random.default_rng([seed, int(forward.photo.sha256, 16)]).choice(others))
    maps = (activation_map(forward, which, method) for which in (index, other))
    return _compared(TRAINED, *maps)


def check_method(method: Method) -> None:
    """Check that a method is fast enough to be repeated for each randomised network.

    Raises:
        SettingsError: the method is too slow.
    """
    if method in activation_maps.PERTURBATION_METHODS and not CAM_METHODS[method].closed_form:
        text = _(
            "{method} runs the network hundreds of times for each of a dozen randomised networks, so the check would "
            "take minutes. Choose a method that needs one pass."
        )
        raise SettingsError(text.format(method=_(CAM_METHODS[method].title)))


def _compared(stage: str, first: ActivationMap, other: ActivationMap) -> ComparedMap:
    ranks = spearman(first.values.astype(np.float64), other.values.astype(np.float64))
    return ComparedMap(stage, other, ranks, ssim(_stretched(first.values), _stretched(other.values)))


def _stretched(values: Floats) -> Doubles:
    large = enlarged(values, COMPARED_PX)
    spread = float(np.ptp(large))
    return (large - large.min()) / spread if spread > 0 else np.zeros_like(large)
