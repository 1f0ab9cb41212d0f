"""One map to the numbers that a run asks for."""

import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from effviz.evaluate import faithfulness, localisation, sanity
from effviz.evaluate.agreement import agreement
from effviz.evaluate.controls import IN_CROP, WHOLE, Control, control_heat, in_place_of
from effviz.evaluate.faithfulness import ROAD_SHARES, Confidence, Curve, Explain, Road
from effviz.evaluate.heat import Heat, heat, smoothed
from effviz.evaluate.opening import Opened
from effviz.evaluate.settings import AGREEMENT, CASCADE, PLACES, EnergyPhotos, Metric, Settings
from effviz.evaluate.truth import Size
from effviz.explain.maps import activation_map
from effviz.explain.placement import Placement
from effviz.explain.results import ActivationMap, Box, Floats, Forward
from effviz.words import _

# Called between two passes, in the thread that measures: others may go first meanwhile.
pause: ContextVar[Callable[[], None]] = ContextVar("pause", default=lambda: None)

RANDOM_MAPS: Final = 64  # shared by all photos: finding a noisy map's parts takes longer than all else about it

MADE: Final = 512  # controls that are remembered, 74 kB each: many photos have one shape, and many models one crop
PARTS: Final = 3  # digits of a crop's edges, in parts of the photo: crops that are this alike share their controls
UNIT: Final = (1, 1)
HALF: Final = 0.5  # of the photo: Wang et al. 2020, section 4.3

Parts = tuple[float, ...]  # x0, y0, x1, y1


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A metric of one map. That of `maxbox` and `maxboxv2` is known only when all photos are: see `merging`."""

    value: float | None
    curve: Floats | None = None
    error: str | None = None  # why there is no value


Scores = dict[Metric, Score]


def of_map(opened: Opened, forward: Forward, entry: ActivationMap, settings: Settings) -> Scores:
    """Return every metric of a run for a map."""
    where = {}
    if opened.truth is not None and asks(settings, *PLACES):
        found = heat(entry, settings.placement is Placement.CALIBRATED)
        if settings.smooth:
            found = smoothed(found, settings.smooth, (opened.photo.width, opened.photo.height))
        where = places(found, opened, settings)
    return where | effects(forward, entry, settings) | shaken(forward, entry, settings)


def of_pair(first: ActivationMap, entry: ActivationMap, settings: Settings) -> Scores:
    """Return how alike a map and the first model's map of the same photo are."""
    if not asks(settings, *AGREEMENT):
        return {}
    found = agreement(first, entry)
    return {
        Metric.AGREE_RANK: _likeness(found.spearman),
        Metric.AGREE_TOP20: _likeness(found.iou_top20),
        Metric.AGREE_DISTANCE: _likeness(found.centroid_distance),
    }


def of_controls(opened: Opened, settings: Settings, seen: Box | None = None) -> dict[Control, Scores]:
    """Return where controls lie: those over the photo, which all models share, or those inside a model's crop."""
    controls = WHOLE if seen is None else IN_CROP
    if opened.truth is None or not asks(settings, *PLACES):
        return {control: {} for control in controls}
    width, height = opened.photo.width, opened.photo.height
    seed = control_seed(opened.photo.sha256, settings)
    parts = (0.0, 0.0, 1.0, 1.0) if seen is None else _parts(seen, width, height)
    return {
        control: places(_control(control, seed, parts, (width, height), settings.smooth), opened, settings)
        for control in controls
    }


def of_control(forward: Forward, template: ActivationMap, control: Control, settings: Settings) -> Scores:
    """Return what a control in the place of a map does to the model's confidence."""
    seed = control_seed(template.photo_sha256, settings)

    def explain(again: Forward) -> ActivationMap:
        other = activation_map(again, template.target_index, template.method, template.layer)
        return in_place_of(other, control, f"{seed} again")

    return effects(forward, in_place_of(template, control, seed), settings, explain)


def control_seed(photo_sha256: str, settings: Settings) -> str:
    """Return the random control's seed: that of one of RANDOM_MAPS, the same for all models."""
    return f"{settings.seed} {int(photo_sha256[:8], 16) % RANDOM_MAPS}"


def places(found: Heat, opened: Opened, settings: Settings) -> Scores:
    """Return the metrics that compare a map with the marked object."""
    truth, size, scores = opened.truth, (opened.photo.width, opened.photo.height), Scores()
    assert truth is not None
    if asks(settings, Metric.ENERGY):
        left_out = settings.energy_photos is EnergyPhotos.SCORE_CAM and _not_in_score_cam(opened)
        scores[Metric.ENERGY] = left_out or Score(localisation.energy(found, truth, size))
    for metric, tolerance in ((Metric.POINTING, 0.0), (Metric.POINTING_15, localisation.TOLERANCE_PX)):
        if asks(settings, metric):
            scores[metric] = Score(float(localisation.pointing(found, truth, size, tolerance)))
    if asks(settings, Metric.MAXBOX, Metric.MAXBOX_V2, Metric.IOU):
        largest, every = localisation.both_box_ious(found, truth, size)
        scores[Metric.MAXBOX] = Score(None, largest.astype(np.float32))
        scores[Metric.MAXBOX_V2] = Score(None, every.astype(np.float32))
        scores[Metric.IOU] = Score(localisation.best_iou(largest))
    return scores


def effects(forward: Forward, entry: ActivationMap, settings: Settings, explain: Explain | None = None) -> Scores:
    """Return the metrics that run the model again."""
    masking, scores = settings.masking, Scores()
    for metric, curve in _CURVES.items():
        if asks(settings, metric):
            found = curve(forward, entry, masking, pause.get())
            scores[metric] = Score(found.auc, found.probabilities.astype(np.float32))
    if asks(settings, *_CONFIDENCE):
        kept = faithfulness.confidence(forward, entry, masking)
        scores |= {metric: Score(of(kept)) for metric, of in _CONFIDENCE.items()}
    if asks(settings, Metric.ROAD):
        scores[Metric.ROAD] = _road(
            faithfulness.road(forward, entry, settings.road_budget_s, passed=pause.get()), settings
        )
    if asks(settings, Metric.ADCC):
        scores[Metric.ADCC] = Score(faithfulness.adcc(forward, entry, masking, explain).value)
    return scores


def shaken(forward: Forward, entry: ActivationMap, settings: Settings) -> Scores:
    """Return how much of a map is left when all that the network learnt is gone, and when another class is asked for.

    The values of the cascade are those at its end, where all weights are random; its curves begin with the whole
    network and go down from the classifier to the stem.
    """
    scores = Scores()
    if asks(settings, *CASCADE):
        steps = []
        for step in sanity.cascade_from(forward, entry.target_index, entry.method, settings.seed):
            steps.append(step)
            pause.get()()
        for metric, values in (
            (Metric.SANITY_SPEARMAN, [step.spearman for step in steps]),
            (Metric.SANITY_SSIM, [step.ssim for step in steps]),
        ):
            scores[metric] = _likeness(values[-1], np.array(values, np.float32))
    if asks(settings, Metric.SANITY_LOGIT):
        other = sanity.random_logit(forward, entry.target_index, entry.method, settings.seed)
        scores[Metric.SANITY_LOGIT] = _likeness(other.spearman)
    return scores


def asks(settings: Settings, *metrics: Metric) -> bool:
    """Tell whether a run wants any of these."""
    return any(metric in settings.metrics for metric in metrics)


def _not_in_score_cam(opened: Opened) -> Score | None:
    """Say why a photo is none of the energy game as Score-CAM's authors play it; None where it is."""
    assert opened.truth is not None
    boxes = len(opened.truth.inside((opened.photo.width, opened.photo.height)))
    if boxes == 1 and opened.share is not None and opened.share <= HALF:
        return None
    reason = _(
        "The energy game of Score-CAM's authors is for photos with one box that covers at most half of them: this one "
        "is left out. Give --energy-photos all to play it on every photo."
    )
    return Score(None, error=reason)


def _likeness(value: float, curve: Floats | None = None) -> Score:
    if math.isfinite(value):
        return Score(value, curve)
    reason = _(
        "One of the two maps is the same everywhere, or has no positive evidence: only other maps can be compared. "
        "Means leave this one out."
    )
    return Score(None, curve, reason)


def _road(found: Road, settings: Settings) -> Score:
    curve = np.array(found.halves, np.float32)
    if math.isfinite(found.value):
        return Score(found.value, curve)
    reason = _(
        "The {seconds:g} s for road ended after {done} of {all} shares of the area: its value is the mean over all of "
        "them. Give more seconds with --road-budget, or none to measure all, and another folder with --out."
    )
    return Score(None, curve, reason.format(seconds=settings.road_budget_s, done=len(curve), all=len(ROAD_SHARES)))


def _parts(seen: Box, width: int, height: int) -> Parts:
    return tuple(round(of, PARTS) for of in (seen.x0 / width, seen.y0 / height, seen.x1 / width, seen.y1 / height))


def _control(control: Control, seed: str, parts: Parts, size: Size, smooth: float) -> Heat:
    drawn = seed if control in (Control.RANDOM, Control.CROP_RANDOM) else ""
    blur = smooth if control in IN_CROP else 0.0  # those over the photo are the same in every run
    return _made(control, drawn, parts, size if blur else UNIT, blur)


@lru_cache(maxsize=MADE)
def _made(control: Control, seed: str, parts: Parts, size: Size, smooth: float) -> Heat:
    width, height = size
    x0, y0, x1, y1 = parts
    found = control_heat(control, seed, Box(x0 * width, y0 * height, x1 * width, y1 * height), size)
    return smoothed(found, smooth, size) if smooth else found


_CURVES: Final[dict[Metric, Callable[..., Curve]]] = {
    Metric.DELETION: faithfulness.deletion,
    Metric.INSERTION: faithfulness.insertion,
}
_CONFIDENCE: Final[dict[Metric, Callable[[Confidence], float]]] = {
    Metric.DROP: faithfulness.drop,
    Metric.INCREASE: faithfulness.increase,
    Metric.GAIN: faithfulness.gain,
}
