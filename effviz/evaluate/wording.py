"""What metrics, methods, controls and settings are called wherever a person reads them; files keep the short names."""

from collections.abc import Mapping
from typing import Final

from effviz.evaluate.controls import Control
from effviz.evaluate.differences import Difference
from effviz.evaluate.manifest import Manifest
from effviz.evaluate.masking import Baseline
from effviz.evaluate.settings import EFFECTS, LOW_IS_GOOD, NEAR_ZERO_IS_GOOD, Metric
from effviz.explain.methods import METHODS
from effviz.explain.results import Method
from effviz.words import _, later, many

METRICS: Final[Mapping[Metric, str]] = {
    Metric.ENERGY: later("Energy in box"),
    Metric.POINTING: later("Pointing game"),
    Metric.POINTING_15: later("Pointing game, 15 px tolerance"),
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
SENTENCES: Final[Mapping[Metric, str]] = {
    Metric.ENERGY: later("The share of the map's positive evidence that lies inside the object's boxes."),
    Metric.POINTING: later("How often the map's maximum lies inside one of the object's boxes."),
    Metric.POINTING_15: later(
        "How often the map's maximum lies inside one of the object's boxes, or at most 15 px off."
    ),
    Metric.MAXBOX: later("How often the box around the map fits the object's, at the best threshold."),
    Metric.MAXBOX_V2: later("The mean of MaxBoxAcc over the overlaps 0.3, 0.5 and 0.7."),
    Metric.IOU: later("The overlap of the map's box with the object's, at the best threshold of each photo."),
    Metric.DELETION: later("The mean probability while what the map marks is taken away, the strongest first."),
    Metric.INSERTION: later("The mean probability while what the map marks is put back, the strongest first."),
    Metric.DROP: later("What the probability loses, as a share, when only what the map marks is left."),
    Metric.INCREASE: later("How often the probability rises when only what the map marks is left."),
    Metric.GAIN: later("What the probability gains, as a share, when only what the map marks is left."),
    Metric.ROAD: later("The difference between taking away the least and the most important parts."),
    Metric.ADCC: later("Coherency, complexity and average drop in one number."),
    Metric.AGREE_RANK: later("Rank correlation of the map's evidence with that of the first model's map."),
    Metric.AGREE_TOP20: later("How much the strongest fifths of the map and of the first model's map have in common."),
    Metric.AGREE_DISTANCE: later("From the map's centre of evidence to the first model's, in diagonals of the photo."),
    Metric.SANITY_SPEARMAN: later("Rank correlation of the map with that of the network with all weights at random."),
    Metric.SANITY_SSIM: later("Structural similarity of the map with that of the network with all weights at random."),
    Metric.SANITY_LOGIT: later("Rank correlation of the map with that of another class, drawn at random."),
}
CONTROLS: Final[Mapping[Control, str]] = {
    Control.CROP_GAUSSIAN: later("Control: Gaussian in the crop"),
    Control.CROP_RANDOM: later("Control: random in the crop"),
    Control.CROP_UNIFORM: later("Control: uniform in the crop"),
    Control.GAUSSIAN: later("Control: centre Gaussian"),
    Control.RANDOM: later("Control: random"),
    Control.UNIFORM: later("Control: uniform"),
}
BASELINES: Final[Mapping[Baseline, str]] = {
    Baseline.MEAN: later("Mean pixel"),
    Baseline.BLUR: later("Blurred photo"),
    Baseline.BLACK: later("Black"),
    Baseline.RISE: later("As RISE: mean pixel, and back from a blurred photo"),
}


def metric(of: Metric) -> str:
    """A metric's name."""
    return _(METRICS[of])


def sentence(of: Metric) -> str:
    """What a metric measures."""
    return _(SENTENCES[of])


def better(of: Metric) -> str:
    """Which way is better."""
    if of in NEAR_ZERO_IS_GOOD:
        return _("near 0 is better")
    return _("less is better") if of in LOW_IS_GOOD else _("more is better")


def axis(of: Metric) -> str:
    """A metric's name, and which way is better."""
    return _("{metric} ({better})").format(metric=metric(of), better=better(of))


def compared(of: Metric) -> str:
    """A metric's name as models are compared by it, and which way is better."""
    if of not in EFFECTS:
        return axis(of)
    return _("{metric} minus the model's own Gaussian ({better})").format(metric=metric(of), better=better(of))


def only_leads() -> str:
    """Why values of what runs the model are not compared between models."""
    return _(
        "A less sure model has a lower probability whatever is taken away, so these values do not compare between "
        "models: each model's lead over its own Gaussian does."
    )


def minus(of: Difference) -> str:
    """What is compared with what."""
    if not of.beside_model:
        return f"{of.model} − {controls_name(of.minus_method)}"
    if of.of_leads:
        return _("lead of {model} − lead of {other}").format(model=of.model, other=of.minus_model)
    return f"{of.model} − {of.minus_model}"


def controls_name(of: str) -> str:
    """The name of the Gaussian that maps are compared with, within a sentence."""
    return _("Gaussian in its crop") if of == Control.CROP_GAUSSIAN else _("centre Gaussian")


def few(photos: int) -> str:
    """What is to be said of intervals of so few photos."""
    text = many(
        "Of {count} photo intervals say little: it is an example, no answer. Measure 30 or more.",
        "Of {count} photos intervals say little: they are examples, no answer. Measure 30 or more.",
        photos,
    )
    return text.format(count=photos)


def method(of: str) -> str:
    """The name of a method, or of the control that stands in its place."""
    if of in set(Control):
        return _(CONTROLS[Control(of)])
    return _(METHODS[Method(of)].title) if of in set(Method) else of


def made_by(run: Manifest) -> dict[str, str]:
    """Return everything that decided a run's numbers except its models, by name."""
    made = {**run.settings.as_dict(), "fingerprint": run.fingerprint, **run.versions}
    return {name: _plain(value) for name, value in made.items()}


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)
