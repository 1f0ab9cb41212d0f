"""Compare: what differently scaled EfficientNets look at, on the visitor's own photos."""

import streamlit as st

from effviz.ui import state
from effviz.ui.compare import (
    cells,
    controls,
    downloads,
    faithful,
    grid,
    look,
    methods,
    models,
    numbers,
    outside,
    photos,
    sanity,
    strip,
)
from effviz.ui.guard import guard
from effviz.words import _

st.title(_("What do differently scaled EfficientNets look at?"))
for setting in (state.MODELS, state.SAMPLES, state.PHI):
    with guard():
        setting.adopt()
look.adopt()

chosen = photos.choose()
entrants = models.choose()
choice = controls.choose()
looked = look.choose()
ready = models.ready(entrants)

# The grid stands above, but the strip and the plot need no model: they are there while maps are made.
place = st.container(key="grid")
left, right = st.columns(2, gap="large")
with left:
    family = strip.phi()
with right:
    strip.accuracy([entrant.card.ref for entrant in entrants], family)

found: list[cells.Cell | cells.Gap] = []
with place:
    if not chosen:
        st.info(_("No photo is chosen: take one of the samples above, or drop in your own."))
    elif not entrants:
        st.info(_("No model is chosen: pick a comparison above, or type a model such as lite0@224."))
    elif ready and controls.agreed(choice, [entrant.card for entrant in ready], len(chosen)):
        with st.container():  # for the bar: the grid has the same place without it, and stays zoomed as it was
            found = cells.compute(chosen, ready, choice)
        above = st.container()  # filled last: what it says takes a look at the photos, and the maps need not wait
        grid.show(found, choice, looked)
        if cells.awaited(found):  # the maps that are there are shown while a run of its own makes the next one
            st.rerun()
        methods.badge([entry for entry in found if isinstance(entry, cells.Cell)], choice)
        with above:
            outside.notice([entry for entry in found if isinstance(entry, cells.Cell)])

if entrants:
    st.header(_("The models in numbers"), divider="gray")
    numbers.models([entrant.card for entrant in entrants])
shown = [entry for entry in found if isinstance(entry, cells.Cell)]
if shown:
    st.header(_("How much the maps agree"), divider="gray")
    numbers.agreements([cell.map for cell in shown])
    st.header(_("The same photo by other methods"), divider="gray")
    methods.side_by_side(shown, looked)
    st.header(_("Is the map faithful?"), divider="gray")
    faithful.show(shown)
    st.header(_("Does a map depend on what the model learnt?"), divider="gray")
    sanity.show(shown)
    st.header(_("Take it home"), divider="gray")
    downloads.show(found, choice, looked)
