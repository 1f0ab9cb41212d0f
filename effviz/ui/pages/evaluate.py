"""Evaluate: whether maps are in the right place and faithful, over many photos, and what scaling does to that."""

import streamlit as st

from effviz.ui import state
from effviz.ui.evaluate import answer, choose, examples, means, shown, small
from effviz.ui.guard import guard
from effviz.words import _

st.title(_("Does scaling make maps better?"))
st.markdown(
    _(
        "Measured over many photos: do maps lie on the object (**localisation**), and does the model need what they "
        "mark (**faithfulness**)? Three **controls** know nothing of the photo: a random map, a centre Gaussian and a "
        "uniform map. What does not beat them has shown nothing."
    )
)
for setting in (state.MODELS, state.SAMPLES):
    with guard():
        setting.adopt()

chosen = choose.run()
if chosen is not None:
    with guard():
        found = choose.opened(chosen)
        shown.about(found)
        view = choose.view(found)
        cells = means.means(found, view.metric)
        differences = means.differences(found, view.method, view.metric)
        answer.show(view, differences)
        shown.chart(view, cells)
        examples.show(view)
        st.header(_("The numbers"), divider="gray")
        shown.tables(view, cells, differences)
        shown.failed(found)
        shown.made_by(found)
        shown.files(found)

st.header(_("Measure a few photos here"), divider="gray")
with guard():
    small.show()
