"""The answer to the page's question by one metric and method, in words made of the open run's own differences.

First one sentence for somebody without statistics, by rules:

- The model that answers is the compound one with the most MACs, else the one with the most MACs, else the last.
- Yes or no takes a difference from the first model that is clear: p below 0.05 after Holm's correction for all
  differences of the measure. Below 30 photos there is no yes or no.
- "A little" is less than 10 points of 100.
- Of a compound model's gain in localisation, what the first model gains by the same larger input alone is named: a
  finer grid of cells is part of it.
- Measures that tell how alike maps are give no answer to which are better.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from effviz.evaluate import display_names
from effviz.evaluate.intervals import FEW, Interval
from effviz.evaluate.run_settings import (
    AGREEMENT_METRICS,
    FAITHFULNESS_METRICS,
    LOCALISATION_METRICS,
    LOW_IS_GOOD,
    SANITY_METRICS,
    Metric,
)
from effviz.evaluate.run_summary import Difference, measured_refs
from effviz.i18n import _, lazy_gettext
from effviz.ui.evaluate.runs import ResultsView
from effviz.ui.outputs import plain
from effviz.zoo.presets import ScalingAxis, scaling_axis

LITTLE: Final = 10  # points: less than that is a little

# What a gain and a loss mean, in points of 100; of a lead over a Gaussian for what runs the model again.
GAINS: Final[Mapping[Metric, tuple[str, str]]] = {
    Metric.ENERGY: (
        lazy_gettext("{model} puts {points:.1f} points more of its map on the object than {first}."),
        lazy_gettext("{model} puts {points:.1f} points less of its map on the object than {first}."),
    ),
    Metric.POINTING: (
        lazy_gettext(
            "of 100 photos, the map of {model} peaks on the object on {points:.1f} more than that of {first}."
        ),
        lazy_gettext(
            "of 100 photos, the map of {model} peaks on the object on {points:.1f} fewer than that of {first}."
        ),
    ),
    Metric.POINTING_15: (
        lazy_gettext(
            "of 100 photos, the map of {model} peaks on the object or at most 15 px off on {points:.1f} more than that "
            "of {first}."
        ),
        lazy_gettext(
            "of 100 photos, the map of {model} peaks on the object or at most 15 px off on {points:.1f} fewer than "
            "that of {first}."
        ),
    ),
    Metric.MAXBOX: (
        lazy_gettext(
            "of 100 photos, a box around the map of {model} fits the object on {points:.1f} more than one around that "
            "of {first}."
        ),
        lazy_gettext(
            "of 100 photos, a box around the map of {model} fits the object on {points:.1f} fewer than one around "
            "that of {first}."
        ),
    ),
    Metric.MAXBOX_V2: (
        lazy_gettext(
            "of 100 photos, a box around the map of {model} fits the object on {points:.1f} more than one around that "
            "of {first}, on average over three overlaps."
        ),
        lazy_gettext(
            "of 100 photos, a box around the map of {model} fits the object on {points:.1f} fewer than one around "
            "that of {first}, on average over three overlaps."
        ),
    ),
    Metric.IOU: (
        lazy_gettext(
            "the box around the map of {model} overlaps the object's by {points:.1f} points more than that of {first}."
        ),
        lazy_gettext(
            "the box around the map of {model} overlaps the object's by {points:.1f} points less than that of {first}."
        ),
    ),
}

LEADS: Final = (
    lazy_gettext("by {metric}, the map of {model} leads a Gaussian by {points:.1f} points more than that of {first}."),
    lazy_gettext("by {metric}, the map of {model} leads a Gaussian by {points:.1f} points less than that of {first}."),
)


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """How far a model is from the run's first one."""

    label: str
    found: Interval
    role: ScalingAxis | None = None  # None: two of the three dimensions, another family, or not known here
    macs: int = 0
    pixels: int = 0

    def points(self, metric: Metric) -> float:
        """The gain in points of 100; a loss is below 0."""
        return 100 * self.found.mean * (-1 if metric in LOW_IS_GOOD else 1)


def answer(view: ResultsView, differences: Sequence[Difference]) -> Iterator[str]:
    """Yield paragraphs: the answer, what the other models do, and whether maps beat a Gaussian."""
    known = [(of, of.small if view.small else of.every) for of in differences]
    scaled = list(_scaled(view, [(of.model, found) for of, found in known if of.beside_model and found.n]))
    controlled = [ScaledModel(of.model, found) for of, found in known if not of.beside_model and found.n]
    if view.metric in AGREEMENT_METRICS | SANITY_METRICS:
        yield _("**This measure tells how alike maps are**, not which are better.")
    elif scaled:
        yield " ".join(_headline(view, scaled))
    details = " ".join((*_others(view, scaled), *_beside_gaussian(view, controlled)))
    if details:
        yield details
    photos = max((each.found.n for each in (*scaled, *controlled)), default=FEW)
    if photos < FEW:
        yield display_names.few(photos)


def _scaled(view: ResultsView, found: Sequence[tuple[str, Interval]]) -> Iterator[ScaledModel]:
    refs = measured_refs(view.measured.run)
    first = refs.get(view.measured.models[0])
    for label, interval in found:
        ref = refs.get(label)
        if ref is None or first is None:
            yield ScaledModel(label, interval)
        else:
            yield ScaledModel(label, interval, scaling_axis(ref, first), ref.macs, ref.resolution_px)


def _headline(view: ResultsView, scaled: Sequence[ScaledModel]) -> Iterator[str]:
    """Yes, no or neither, by the one model that answers; then what of it is the finer grid."""
    which, first = _answering(scaled), _("the baseline {model}").format(model=plain(view.measured.models[0]))
    model, points = _called(which), which.points(view.metric)
    few = which.found.n < FEW
    if not which.found.sure and not few:
        yield _(
            "**No clear difference** between {model} and {first}: on these photos, {metric} differs no more than by "
            "chance."
        ).format(model=model, first=first, metric=display_names.metric(view.metric))
        return
    verdict = _("On these photos alone, ") if few else _verdict(points)
    pair = GAINS.get(view.metric, LEADS)
    words = _(pair[0] if points > 0 else pair[1])
    metric = display_names.metric(view.metric)
    yield verdict + words.format(model=model, first=first, points=abs(points), metric=metric)
    if points > 0 and not few and view.metric in LOCALISATION_METRICS and which.role is ScalingAxis.COMPOUND:
        yield from _grid(view, which, scaled)


def _answering(scaled: Sequence[ScaledModel]) -> ScaledModel:
    compound = [each for each in scaled if each.role is ScalingAxis.COMPOUND] or scaled
    return max(reversed(compound), key=lambda each: each.macs)


def _called(which: ScaledModel) -> str:
    if which.role is ScalingAxis.COMPOUND:
        return _("the compound model {model}").format(model=plain(which.label))
    return _("the largest model {model}").format(model=plain(which.label)) if which.macs else plain(which.label)


def _verdict(points: float) -> str:
    if points <= 0:
        return _("**No:** ")
    return _("**Yes, a little:** ") if points < LITTLE else _("**Yes:** ")


def _grid(view: ResultsView, which: ScaledModel, scaled: Sequence[ScaledModel]) -> Iterator[str]:
    """What the larger input does alone, where the run has such a model."""
    if view.measured.run.settings.smooth:
        yield _("All maps were blurred alike, so that a finer grid alone gains little.")
    alone = next((of for of in scaled if of.role is ScalingAxis.RESOLUTION and of.pixels == which.pixels), None)
    if alone is None:
        return
    if alone.found.sure and alone.points(view.metric) > 0:
        yield _("The baseline with the same larger input ({model}), whose grid is as fine, gains {points:.1f}.").format(
            model=plain(alone.label), points=alone.points(view.metric)
        )
    else:
        yield _("The same larger input alone ({model}) makes no clear gain.").format(model=plain(alone.label))


def _others(view: ResultsView, scaled: Sequence[ScaledModel]) -> Iterator[str]:
    """All models in three groups, the farthest first."""
    if not scaled:
        return
    far = sorted(scaled, key=lambda of: -abs(of.found.mean))
    sure = [of for of in far if of.found.sure]
    better = [of for of in sure if of.points(view.metric) > 0]
    # Of what should be near zero a difference does not tell which of two is nearer.
    names = (_("larger"), _("smaller")) if view.metric in SANITY_METRICS else (_("better"), _("worse"))
    if view.metric in FAITHFULNESS_METRICS:
        names = (_("a larger lead"), _("a smaller lead"))
    groups = (better, [of for of in sure if of not in better], [of for of in scaled if not of.found.sure])
    titles = (*names, _("no clear difference"))
    yield _("By {method}, {metric} against {first}: {groups}.").format(
        method=display_names.method(view.method),
        metric=display_names.compared(view.metric),
        first=plain(view.measured.models[0]),
        groups=_("; ").join(
            _("{group}: {models}").format(group=title, models=_names(some))
            for title, some in zip(titles, groups, strict=True)
            if some
        ),
    )


def _beside_gaussian(view: ResultsView, controlled: Sequence[ScaledModel]) -> Iterator[str]:
    if not controlled:
        return
    control = display_names.controls_name(view.measured.results.gaussian(view.metric))
    others = [of for of in controlled if not (of.found.sure and of.points(view.metric) > 0)]
    if not others:
        yield _("The maps of every model beat the {control}, which knows nothing of the photo.").format(control=control)
    elif len(others) == len(controlled):
        yield _("No model's maps clearly beat the {control}, which knows nothing of the photo.").format(control=control)
    else:
        yield _("No clear lead over the {control}, which knows nothing of the photo: {models}.").format(
            control=control, models=_names(others)
        )


def _names(some: Sequence[ScaledModel]) -> str:
    return ", ".join(plain(of.label) for of in some)
