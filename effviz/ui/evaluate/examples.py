"""One model's photos by a measure: the best, those in the middle and the worst; and the way to their maps."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

import pandas as pd
import streamlit as st

from effviz.evaluate import wording
from effviz.evaluate.settings import EFFECTS, worse
from effviz.explain import samples
from effviz.explain.samples import Sample
from effviz.ui import cache as caches
from effviz.ui import choices
from effviz.ui.compare.controls import LAYER, METHOD
from effviz.ui.evaluate import maps
from effviz.ui.evaluate.choose import View
from effviz.ui.evaluate.measured import VISIT
from effviz.ui.guard import guard
from effviz.ui.outputs import plain
from effviz.ui.state import MODELS, SAMPLES
from effviz.words import _, later

MODEL: Final = "of"  # the widget, and in the address
NONE: Final = "none"
EACH: Final = 3  # of the best, of those in the middle, of the worst
_OWN: Final = later("To see maps of your own photos, drop them on the Compare page.")
_ELSEWHERE: Final = later(
    "The photos of this data set are not on this page: there are names and numbers only. Start the server with "
    "{setting} set to a folder that holds these photos, and their maps can be shown here.",
    setting=f"`{maps.SETTING}`",
)
PLACES: Final = (later("best"), later("median"), later("worst"))


@dataclass(frozen=True, slots=True)
class Example:
    """One photo's value."""

    place: str  # best, median, worst; for `_`
    photo: str
    value: float
    sha256: str  # "" where it is not known
    target: int  # the class that was measured


def clicked(chart: str) -> None:
    """Take over the model that was clicked; a click on a control, or beside all points, changes nothing."""
    points = st.session_state[chart].selection.points
    if points and points[0].get("customdata"):
        st.session_state[choices.widget(MODEL)] = points[0]["customdata"][0]


def show(view: View) -> None:
    """The choice of a model, its photos, and a button to Compare for those that come with EffViz."""
    of = view.measured
    names = {NONE: _("No model chosen")} | {model: model for model in of.models}
    model = choices.listed(_("Model: click a point, or choose one here"), names, MODEL, NONE)
    if model == NONE:
        return
    found = picked(view, model)
    if not found:
        st.caption(_("No photo has a value by this method for {model}.").format(model=plain(model)))
        return
    others = [example for example in found if example.sha256 not in _bundled()]
    if others:
        _names(view, found)
    drawn = _cards(view, model, found)
    with guard():
        drawn |= maps.show(others, view, model)
    if not drawn:
        st.caption(_(_OWN if of.key[0] == VISIT else _ELSEWHERE))


def picked(view: View, model: str) -> list[Example]:
    """Return the best, the middle and the worst photos, each once; equal values come by name."""
    results = view.measured.results
    rows = results.rows(view.metric, (view.method,))
    rows = rows[rows["model"] == model].dropna(subset=["value"]).astype({"photo": object}).sort_values("photo")
    if view.small:
        hard = results.small()
        rows = rows[hard.reindex(rows["photo"], fill_value=False).to_numpy(dtype=bool)]
    if view.metric in EFFECTS:  # a photo of which the model is not sure is no better for that
        own = results.compared(view.method, view.metric)[model]
        rows = rows.assign(value=own.reindex(rows["photo"]).to_numpy()).dropna(subset=["value"])
    rows = rows.sort_values("value", key=lambda some: some.map(partial(worse, view.metric)), kind="stable")
    return [_example(view, place, rows.iloc[number]) for number, place in _numbers(len(rows)).items()]


def _numbers(count: int) -> dict[int, str]:
    """Places in the order of values, each with what it is called; of few photos there are fewer of each."""
    best, median, worst = PLACES
    each = min(EACH, max(1, count // 3), count)
    middle = (count - each) // 2
    found = dict.fromkeys(range(each), best)
    for first, place in ((count - each, worst), (middle, median)):
        found |= {number: place for number in range(first, first + each) if number not in found}
    return dict(sorted(found.items()))


def _example(view: View, place: str, row: pd.Series) -> Example:
    photo = str(row["photo"])
    return Example(place, photo, float(row["value"]), view.measured.hashes.get(photo, ""), int(row["target_index"]))


@cache
def _bundled() -> dict[str, Sample]:
    return {hashlib.sha256(sample.path.read_bytes()).hexdigest(): sample for sample in samples.samples()}


def _names(view: View, found: Sequence[Example]) -> None:
    st.dataframe(
        pd.DataFrame([{"place": _(of.place), "value": of.value, "photo": of.photo} for of in found]),
        hide_index=True,
        height="content",
        column_config={
            "place": st.column_config.TextColumn(_("Place"), width="small"),
            "value": st.column_config.NumberColumn(wording.compared(view.metric), format="%.3f", width="small"),
            "photo": _("Photo"),
        },
    )


def _cards(view: View, model: str, found: Sequence[Example]) -> bool:
    """Show the photos that come with EffViz, a column for each place; tell whether there were any."""
    here = [(example, _bundled()[example.sha256]) for example in found if example.sha256 in _bundled()]
    places = [place for place in PLACES if any(example.place == place for example, _sample in here)]
    for place, column in zip(places, st.columns(len(PLACES)), strict=False):
        with column:
            st.markdown(f"**{_(place).capitalize()}**")
            for example, sample in here:
                if example.place == place:
                    _card(view, model, example, sample)
    return bool(here)


def _card(view: View, model: str, example: Example, sample: Sample) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(caches.thumbnail(caches.sample(sample.name)), width=120, alt=sample.title)
        with st.container(width=170, gap="xsmall"):
            st.markdown(f"{sample.title}: {example.value:.3f}")
            label = _("See its map")
            if st.button(label, icon=":material/grid_view:", key=f"open-{example.photo}", help=_("Opens Compare")):
                _open(view, model, sample)


def _open(view: View, model: str, sample: Sample) -> None:
    MODELS.put((model,))
    SAMPLES.put((sample.name,))
    st.session_state[METHOD] = view.method
    st.session_state[choices.widget(LAYER)] = view.measured.run.settings.layer.value
    st.switch_page("effviz/ui/pages/compare.py")
