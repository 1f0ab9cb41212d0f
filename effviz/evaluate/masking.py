"""Masked inputs: parts of a model's input replaced by a baseline, in the order given by a map.

Everything is in the frame of the model's input. Maps are upsampled to it linearly between cell centres, as elsewhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from effviz.evaluate.heatmaps import Control, control_map
from effviz.explain.data_types import ActivationMap, Doubles, Floats, Prepared
from effviz.explain.placement import linear_weights

Counts = npt.NDArray[np.intp]
RISE_SIGMA = 5 / 224  # share of the input's side: Petsiuk et al. 2018 blur by 11 x 11 px with sigma 5 at 224 px
BLUR = 10 / 224  # sigma as a share of the input's side: Fong and Vedaldi 2017 blur by 10 px at 224 px
RANDOM_MAPS = 10  # to compare a map with: a single one may be good or bad by chance


class MaskBaseline(StrEnum):
    """What replaces removed pixels: the same for all models and methods of a comparison."""

    MEAN = "mean"  # the mean pixel of the model's training pictures: 0 after normalisation
    BLUR = "blur"  # the same picture, blurred by the same share of the input at any size
    BLACK = "black"
    RISE = "rise"  # as RISE's authors do: delete to the mean pixel, insert into a blurred photo


@dataclass(frozen=True, slots=True)
class Masking:
    """How inputs are masked, the same for all models and methods of a comparison."""

    baseline: MaskBaseline = MaskBaseline.MEAN
    steps: int = 20  # equal parts of the input's area, removed one after the other


def baseline_input(prepared: Prepared, baseline: MaskBaseline) -> Floats:
    """Return the input with everything removed, (1, 3, S, S), normalised."""
    pixels = prepared.pixels
    match baseline:
        case MaskBaseline.MEAN | MaskBaseline.RISE:
            return np.zeros_like(pixels)
        case MaskBaseline.BLUR:
            channels_last = np.ascontiguousarray(pixels[0].transpose(1, 2, 0))
            blurred = cv2.GaussianBlur(channels_last, (0, 0), BLUR * prepared.size_px, borderType=cv2.BORDER_REPLICATE)
            return np.ascontiguousarray(blurred.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)
        case MaskBaseline.BLACK:
            black = -np.array(prepared.mean, np.float32) / np.array(prepared.std, np.float32)
            return np.broadcast_to(black[None, :, None, None], pixels.shape).astype(np.float32)


def start_input(prepared: Prepared, baseline: MaskBaseline) -> Floats:
    """Return the first input of insertion, (1, 3, S, S), normalised: the last of deletion, except for RISE."""
    if baseline is not MaskBaseline.RISE:
        return baseline_input(prepared, baseline)
    from scipy.ndimage import convolve1d, gaussian_filter1d  # type: ignore[import-untyped]  # lazy: as in `heatmaps`

    sigma = RISE_SIGMA * prepared.size_px
    point = np.zeros(2 * round(sigma) + 1)
    point[len(point) // 2] = 1
    kernel = gaussian_filter1d(point, sigma)  # its tails are reflected into the kernel, as in the authors' code
    blurred = prepared.pixels
    for axis in (2, 3):
        blurred = convolve1d(blurred, kernel, axis, mode="constant")
    return np.asarray(blurred, np.float32)


def enlarged(values: Floats, size_px: int) -> Doubles:
    """Upsample a map (H, W) to the input's size, (S, S)."""
    places = (np.arange(size_px) + 0.5) / size_px
    down, across = (linear_weights(places * cells, cells) for cells in values.shape)
    return np.asarray(down @ values.astype(np.float64) @ across.T)


def weights(entry: ActivationMap, size_px: int) -> Doubles:
    """Return a map as a mask, (S, S): negative values set to 0, upsampled, then scaled to the range 0 to 1.

    A constant map keeps everything if it is positive, and nothing otherwise.
    """
    mask = enlarged(np.maximum(entry.values, 0), size_px)
    low, high = mask.min(), mask.max()
    if high - low > 1e-9 * high:
        return np.asarray((mask - low) / (high - low))
    return np.full(mask.shape, float(high > 0))


def ranks(entry: ActivationMap, size_px: int) -> Counts:
    """Return each input pixel's rank by the map, (S, S): 0 for the strongest.

    Ties are broken by a random map with the same cells, the same for all models. So an uninformative map fares like the
    random control, and not like a scan from the top or like scattered dots, which hide more than their area.
    """
    return next(orders([entry], size_px))


def orders(entries: Sequence[ActivationMap], size_px: int) -> Iterator[Counts]:
    """Yield the ranks of several maps of one photo with equal grids: one random map breaks ties in all of them."""
    ties = enlarged(control_map(entries[0], Control.RANDOM, f"ties {entries[0].photo_sha256}").values, size_px)
    for entry in entries:
        order = np.lexsort((-ties.ravel(), -enlarged(entry.values, size_px).ravel()))
        places = np.empty(order.size, np.intp)
        places[order] = np.arange(order.size)
        yield places.reshape(size_px, size_px)


def pixel_counts(steps: int, pixels: int) -> Counts:
    """Return the number of pixels changed at each step, (steps + 1,): from none to all in equal parts of the area."""
    return np.rint(np.linspace(0, pixels, steps + 1)).astype(np.intp)


def replaced(pixels: Floats, others: Floats, places: Counts, counts: Iterable[int]) -> Iterator[Floats]:
    """Yield, for each count, the input with its `count` first-ranked pixels replaced by those of `others`."""
    for count in counts:
        yield np.where(places < count, others, pixels)
