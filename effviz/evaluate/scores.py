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
from effviz.evaluate.controls import Control, control_heat, in_place_of
from effviz.evaluate.faithfulness import ROAD_SHARES, Confidence, Curve, Explain, Road
from effviz.evaluate.heat import Heat, heat
from effviz.evaluate.opening import Opened
from effviz.evaluate.settings import AGREEMENT, CASCADE, PLACES, Metric, Settings
from effviz.explain.maps import activation_map
from effviz.explain.placement import Placement
from effviz.explain.results import ActivationMap, Floats, Forward
from effviz.words import _

# Called between two passes, in the thread that measures: others may go first meanwhile.
pause: ContextVar[Callable[[], None]] = ContextVar("pause", default=lambda: None)

RANDOM_MAPS: Final = 64  # shared by all photos: finding a noisy map's parts takes longer than all else about it


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
        where = places(heat(entry, settings.placement is Placement.CALIBRATED), opened, settings)
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


def of_controls(opened: Opened, settings: Settings) -> dict[Control, Scores]:
    """Return where the controls lie; they look at no model, so all models share them."""
    if opened.truth is None or not asks(settings, *PLACES):
        return {control: {} for control in Control}
    seed = control_seed(opened.photo.sha256, settings)
    return {control: places(_control(control, seed), opened, settings) for control in Control}


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
        scores[Metric.ENERGY] = Score(localisation.energy(found, truth, size))
    if asks(settings, Metric.POINTING):
        scores[Metric.POINTING] = Score(float(localisation.pointing(found, truth, size)))
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


def _control(control: Control, seed: str) -> Heat:
    return _made(control, seed if control is Control.RANDOM else "")


@lru_cache(maxsize=RANDOM_MAPS + 2)
def _made(control: Control, seed: str) -> Heat:
    return control_heat(control, seed)


_CURVES: Final[dict[Metric, Callable[..., Curve]]] = {
    Metric.DELETION: faithfulness.deletion,
    Metric.INSERTION: faithfulness.insertion,
}
_CONFIDENCE: Final[dict[Metric, Callable[[Confidence], float]]] = {
    Metric.DROP: faithfulness.drop,
    Metric.INCREASE: faithfulness.increase,
    Metric.GAIN: faithfulness.gain,
}
