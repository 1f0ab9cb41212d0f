"""What a run answers to the page's question by one measure and method, in words made of its own differences.

Surely means p below 0.05 after Holm's correction for all differences of the measure.
"""

from collections.abc import Iterator, Sequence

import streamlit as st

from effviz.evaluate import wording
from effviz.evaluate.differences import Difference
from effviz.evaluate.intervals import FEW, Interval
from effviz.evaluate.settings import EFFECTS, LOW_IS_GOOD, NEAR_ZERO_IS_GOOD
from effviz.ui.evaluate.choose import View
from effviz.ui.evaluate.shown import signed
from effviz.ui.outputs import plain
from effviz.words import _

Found = Sequence[tuple[str, Interval]]  # models, and how far each is from what it is compared with


def show(view: View, differences: Sequence[Difference]) -> None:
    """Say which models are better than the first one, and which beat a Gaussian of their own."""
    known = [(of, of.small if view.small else of.every) for of in differences]
    known = [(of, interval) for of, interval in known if interval.n]
    if not known:
        return
    scaled = [(of.model, interval) for of, interval in known if of.beside_model]
    controlled = [(of.model, interval) for of, interval in known if not of.beside_model]
    gaussian = wording.controls_name(view.measured.results.gaussian(view.metric))
    st.markdown(" ".join((*_scaled(view, scaled), *_controlled(view, controlled, gaussian))))
    photos = max(interval.n for _of, interval in known)
    if photos < FEW:
        st.info(wording.few(photos), icon=":material/info:")


def _scaled(view: View, found: Found) -> Iterator[str]:
    if not found:
        return
    better, down, unsure = _parted(view, found)
    # Of what should be near zero a difference does not tell which of two is nearer.
    names = (_("larger"), _("smaller")) if view.metric in NEAR_ZERO_IS_GOOD else (_("better"), _("worse"))
    if view.metric in EFFECTS:
        names = (_("a larger lead"), _("a smaller lead"))
    groups = [f"{name}: {_most(some)}" for name, some in zip(names, (better, down), strict=True) if some]
    groups += [_("not told from zero: {models}").format(models=_names(unsure))] * bool(unsure)
    yield _("**By {method}, {metric} over {first}, photo by photo:** {groups}.").format(
        method=wording.method(view.method),
        metric=wording.compared(view.metric),
        first=plain(view.measured.models[0]),
        groups="; ".join(groups),
    )


def _controlled(view: View, found: Found, gaussian: str) -> Iterator[str]:
    if not found:
        return
    better, down, unsure = _parted(view, found)
    others = (*down, *unsure)
    if not others:
        yield _("Every model is better than the {control}.").format(control=gaussian)
    elif not better:
        yield _("No model is surely better than the {control}.").format(control=gaussian)
    else:
        yield _("Not surely better than the {control}: {models}.").format(control=gaussian, models=_names(others))


def _parted(view: View, found: Found) -> tuple[Found, Found, Found]:
    """Return those that are surely better, those that are surely worse, the farthest first, and the others."""
    sign = -1 if view.metric in LOW_IS_GOOD else 1
    far = sorted(found, key=lambda one: -abs(one[1].mean))
    sure = [one for one in far if one[1].sure]
    better = [one for one in sure if sign * one[1].mean > 0]
    return better, [one for one in sure if one not in better], [one for one in found if not one[1].sure]


def _most(found: Found) -> str:
    (model, interval), *others = found
    first = f"{plain(model)} {'+' if interval.mean > 0 else ''}{signed(interval)}"
    if not others:
        return first
    return _("most {first}, then {others}").format(first=first, others=_names(others))


def _names(found: Found) -> str:
    return ", ".join(plain(model) for model, _interval in found)
