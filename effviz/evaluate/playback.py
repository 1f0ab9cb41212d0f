"""Deletion and insertion of one map, beside a random one, kept so that they can be shown step by step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from effviz.evaluate.controls import Control, in_place_of
from effviz.evaluate.faithfulness import Curve, deletion, insertion
from effviz.evaluate.masking import Masking, baseline_input, pixel_counts, ranks
from effviz.explain.results import ActivationMap, Bytes, Floats, Forward, Prepared

MOST_STEPS = 255  # a pixel's step has one byte


@dataclass(frozen=True, slots=True)
class Both:
    """What taking away and bringing in do to the class's probability."""

    deletion: Curve
    insertion: Curve


@dataclass(frozen=True, slots=True, eq=False)
class Playback:
    """All that is needed to show a model's input at each step, and what the model makes of it."""

    map: Both
    random: Both  # the same with a random map of as many cells
    order: Bytes  # (S, S): the step at which each input pixel changes, from 1
    picture: Bytes  # (S, S, 3): what the model sees of the photo
    rest: Bytes  # (S, S, 3): what it sees when all is taken away

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.order.nbytes + self.picture.nbytes + self.rest.nbytes + 4096


def playback(
    forward: Forward, entry: ActivationMap, masking: Masking, progress: Callable[[float], None] = lambda part: None
) -> Playback:
    """Run the model on all steps of both; `progress` gets the share that is done, 0 to 1, after each pass.

    The random map is drawn from the photo's hash: the same each time.
    """
    assert 0 < masking.steps <= MOST_STEPS
    done, passes = 0, 4 * (masking.steps + 1)

    def passed() -> None:
        nonlocal done
        done += 1
        progress(done / passes)

    maps = (entry, in_place_of(entry, Control.RANDOM, f"control {entry.photo_sha256}"))
    curves = [curve(forward, one, masking, passed) for one in maps for curve in (deletion, insertion)]
    order = _steps(entry, masking, forward.prepared.size_px)
    rest = _picture(baseline_input(forward.prepared, masking.baseline), forward.prepared)
    return Playback(Both(*curves[:2]), Both(*curves[2:]), order, forward.prepared.rgb, rest)


def _steps(entry: ActivationMap, masking: Masking, size_px: int) -> Bytes:
    """The first step by which more pixels are taken than come before this one."""
    places = ranks(entry, size_px)
    steps: Bytes = np.searchsorted(pixel_counts(masking.steps, places.size), places, side="right").astype(np.uint8)
    steps.setflags(write=False)
    return steps


def _picture(pixels: Floats, prepared: Prepared) -> Bytes:
    """(1, 3, S, S), normalised -> (S, S, 3)."""
    mean, std = np.array(prepared.mean, np.float32), np.array(prepared.std, np.float32)
    picture: Bytes = np.rint((pixels[0].transpose(1, 2, 0) * std + mean).clip(0, 1) * 255).astype(np.uint8)
    picture.setflags(write=False)
    return picture
