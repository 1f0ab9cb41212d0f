"""Display names of metrics, methods, controls and settings; files keep the short names."""

from collections.abc import Mapping
from typing import Final

from effviz.evaluate.heatmaps import Control
from effviz.evaluate.masking import MaskBaseline
from effviz.evaluate.run_settings import FAITHFULNESS_METRICS, LABEL, LOW_IS_GOOD, NEAR_ZERO_IS_GOOD, PREDICTION, Metric
from effviz.evaluate.run_store import Manifest
from effviz.evaluate.run_summary import Difference
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method
from effviz.i18n import _, lazy_gettext, ngettext

METRICS: Final[Mapping[Metric, str]] = {
    Metric.ENERGY: lazy_gettext("Energy in box"),
    Metric.POINTING: lazy_gettext("Pointing game"),
    Metric.POINTING_15: lazy_gettext("Pointing game, 15 px tolerance"),
    Metric.MAXBOX: lazy_gettext("MaxBoxAcc"),
    Metric.MAXBOX_V2: lazy_gettext("MaxBoxAccV2"),
    Metric.IOU: lazy_gettext("Best IoU"),
    Metric.DELETION: lazy_gettext("Deletion"),
    Metric.INSERTION: lazy_gettext("Insertion"),
    Metric.DROP: lazy_gettext("Average drop"),
    Metric.INCREASE: lazy_gettext("Increase in confidence"),
    Metric.GAIN: lazy_gettext("Average gain"),
    Metric.ROAD: lazy_gettext("ROAD"),
    Metric.ADCC: lazy_gettext("ADCC"),
    Metric.AGREE_RANK: lazy_gettext("Rank correlation with the first model"),
    Metric.AGREE_TOP20: lazy_gettext("Strongest-fifth overlap with the first model"),
    Metric.AGREE_DISTANCE: lazy_gettext("Distance from the first model's centre"),
    Metric.SANITY_SPEARMAN: lazy_gettext("Rank correlation with random weights"),
    Metric.SANITY_SSIM: lazy_gettext("Similarity with random weights"),
    Metric.SANITY_LOGIT: lazy_gettext("Rank correlation with another class"),
}
SENTENCES: Final[Mapping[Metric, str]] = {
    Metric.ENERGY: lazy_gettext("The share of the map's positive evidence inside the object's boxes."),
    Metric.POINTING: lazy_gettext("How often the map's maximum is inside one of the object's boxes."),
    Metric.POINTING_15: lazy_gettext(
        "How often the map's maximum is inside one of the object's boxes, or at most 15 px away."
    ),
    Metric.MAXBOX: lazy_gettext("How often the box around the map matches the object's box, at the best threshold."),
    Metric.MAXBOX_V2: lazy_gettext("The mean of MaxBoxAcc at the overlaps 0.3, 0.5 and 0.7."),
    Metric.IOU: lazy_gettext("The overlap of the map's box with the object's box, at each photo's best threshold."),
    Metric.DELETION: lazy_gettext("The mean probability as pixels are removed, the map's strongest first."),
    Metric.INSERTION: lazy_gettext("The mean probability as pixels are restored, the map's strongest first."),
    Metric.DROP: lazy_gettext("The share of the probability lost when only what the map marks is kept."),
    Metric.INCREASE: lazy_gettext("How often the probability rises when only what the map marks is kept."),
    Metric.GAIN: lazy_gettext("The share of the missing probability gained when only what the map marks is kept."),
    Metric.ROAD: lazy_gettext("The difference in probability between removing the least and most important pixels."),
    Metric.ADCC: lazy_gettext("Coherency, complexity and average drop in one number."),
    Metric.AGREE_RANK: lazy_gettext("Rank correlation between the map's evidence and the first model's."),
    Metric.AGREE_TOP20: lazy_gettext("The overlap of the map's strongest fifth with that of the first model's map."),
    Metric.AGREE_DISTANCE: lazy_gettext(
        "The distance between the map's and the first model's centres of evidence, in photo diagonals."
    ),
    Metric.SANITY_SPEARMAN: lazy_gettext("Rank correlation with the map after all weights are randomised."),
    Metric.SANITY_SSIM: lazy_gettext("Structural similarity to the map after all weights are randomised."),
    Metric.SANITY_LOGIT: lazy_gettext("Rank correlation with the map of another class, drawn at random."),
}
CONTROLS: Final[Mapping[Control, str]] = {
    Control.CROP_GAUSSIAN: lazy_gettext("Control: Gaussian in the crop"),
    Control.CROP_RANDOM: lazy_gettext("Control: random in the crop"),
    Control.CROP_UNIFORM: lazy_gettext("Control: uniform in the crop"),
    Control.GAUSSIAN: lazy_gettext("Control: centre Gaussian"),
    Control.RANDOM: lazy_gettext("Control: random"),
    Control.UNIFORM: lazy_gettext("Control: uniform"),
}
BASELINES: Final[Mapping[MaskBaseline, str]] = {
    MaskBaseline.MEAN: lazy_gettext("Mean pixel"),
    MaskBaseline.BLUR: lazy_gettext("Blurred photo"),
    MaskBaseline.BLACK: lazy_gettext("Black"),
    MaskBaseline.RISE: lazy_gettext("Like RISE: mean pixel for deletion, blur for insertion"),
}
TARGETS: Final[Mapping[str, str]] = {LABEL: lazy_gettext("label"), PREDICTION: lazy_gettext("prediction")}


def target(key: str) -> str:
    """Return the name of a target: each photo's label, each model's prediction, or one class by its name."""
    return _(TARGETS[key]) if key in TARGETS else key


def metric(key: Metric) -> str:
    """Return a metric's name."""
    return _(METRICS[key])


def sentence(key: Metric) -> str:
    """Return a sentence on what a metric measures."""
    return _(SENTENCES[key])


def better(key: Metric) -> str:
    """Return which direction is better."""
    if key in NEAR_ZERO_IS_GOOD:
        return _("closer to 0 is better")
    return _("lower is better") if key in LOW_IS_GOOD else _("higher is better")


def axis(key: Metric) -> str:
    """Return a metric's name and which direction is better."""
    return _("{metric} ({better})").format(metric=metric(key), better=better(key))


def compared(key: Metric) -> str:
    """Return the name of the quantity by which a metric compares models, and which direction is better."""
    if key not in FAITHFULNESS_METRICS:
        return axis(key)
    return _("{metric} minus the model's own Gaussian ({better})").format(metric=metric(key), better=better(key))


def only_leads() -> str:
    """Return why faithfulness values are not compared between models."""
    return _(
        "A less confident model gives lower probabilities whatever is removed, so these values cannot be compared "
        "between models. Each model's lead over its own Gaussian can."
    )


def minus(difference: Difference) -> str:
    """Return a difference as text, minuend − subtrahend."""
    if not difference.beside_model:
        return f"{difference.model} − {controls_name(difference.minus_method)}"
    if difference.of_leads:
        return _("lead of {model} − lead of {other}").format(model=difference.model, other=difference.minus_model)
    return f"{difference.model} − {difference.minus_model}"


def controls_name(control: str) -> str:
    """Return the name of the Gaussian that maps are compared with, for use in a sentence."""
    return _("Gaussian in its crop") if control == Control.CROP_GAUSSIAN else _("centre Gaussian")


def few(photos: int) -> str:
    """Return a warning that so few photos are too few for a conclusion."""
    text = ngettext(
        "{count} photo is too few for a conclusion: it is only an example. Measure 30 or more.",
        "{count} photos are too few for a conclusion: they are only examples. Measure 30 or more.",
        photos,
    )
    return text.format(count=photos)


def method(name: str) -> str:
    """Return the name of a method or control."""
    if name in set(Control):
        return _(CONTROLS[Control(name)])
    return _(CAM_METHODS[Method(name)].title) if name in set(Method) else name


def made_by(run: Manifest) -> dict[str, str]:
    """Return everything that determined a run's numbers except its models, by name."""
    settings = {**run.settings.as_dict(), "fingerprint": run.fingerprint, **run.versions}
    return {name: _plain(value) for name, value in settings.items()}


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)
