"""What metrics, methods and controls are called on the page."""

from collections.abc import Mapping
from typing import Final

from effviz.evaluate.controls import Control
from effviz.evaluate.settings import LOW_IS_GOOD, NEAR_ZERO_IS_GOOD, Metric
from effviz.explain.methods import METHODS
from effviz.explain.results import Method
from effviz.plots.quality import CONTROLS
from effviz.words import _, later

METRICS: Final[Mapping[Metric, str]] = {
    Metric.ENERGY: later("Energy in box"),
    Metric.POINTING: later("Pointing game"),
    Metric.MAXBOX: later("MaxBoxAcc"),
    Metric.MAXBOX_V2: later("MaxBoxAccV2"),
    Metric.IOU: later("Best IoU"),
    Metric.DELETION: later("Deletion"),
    Metric.INSERTION: later("Insertion"),
    Metric.DROP: later("Average drop"),
    Metric.INCREASE: later("Increase in confidence"),
    Metric.GAIN: later("Average gain"),
    Metric.ROAD: later("ROAD"),
    Metric.ADCC: later("ADCC"),
    Metric.AGREE_RANK: later("Rank correlation with the first model"),
    Metric.AGREE_TOP20: later("Strongest fifth in common with the first model"),
    Metric.AGREE_DISTANCE: later("Distance from the first model's centre"),
    Metric.SANITY_SPEARMAN: later("Rank correlation with random weights"),
    Metric.SANITY_SSIM: later("Similarity with random weights"),
    Metric.SANITY_LOGIT: later("Rank correlation with another class"),
}


def metric(of: Metric) -> str:
    """A metric's name."""
    return _(METRICS[of])


def axis(of: Metric) -> str:
    """A metric's name, and which way is better."""
    name = metric(of)
    if of in NEAR_ZERO_IS_GOOD:
        return _("{metric} (near 0 is better)").format(metric=name)
    if of in LOW_IS_GOOD:
        return _("{metric} (less is better)").format(metric=name)
    return _("{metric} (more is better)").format(metric=name)


def method(of: str) -> str:
    """The name of a method, or of the control that stands in its place."""
    if of in set(Control):
        return _(CONTROLS[Control(of)])
    return _(METHODS[Method(of)].title) if of in set(Method) else of
