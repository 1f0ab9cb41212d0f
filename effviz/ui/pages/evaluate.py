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
        "mark (**faithfulness**)? **Controls** know nothing of the photo: Gaussians, uniform and random maps. What "
        "does not beat them has shown nothing. A map cannot leave the crop that its model saw, so the controls in the "
        "crop are the ones to beat."
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
        shown.chart(view, cells, differences)
        examples.show(view)
        st.header(_("The numbers"), divider="gray")
        shown.tables(view, cells, differences)
        shown.failed(found)
        shown.made_by(found)
        shown.files(found)

st.header(_("Measure a few photos here"), divider="gray")
with guard():
    small.show()
