"""Evaluate: whether maps are in the right place and faithful, over many photos, and what scaling does to that."""

import streamlit as st

from effviz.i18n import _
from effviz.ui import session
from effviz.ui.evaluate import photo_examples, quick_run, run_picker, run_results, runs
from effviz.ui.guard import guard

st.title(_("Does scaling make maps better?"))
st.markdown(
    _(
        "Measured over many photos: do maps lie on the object (**localisation**), and does the model need what they "
        "mark (**faithfulness**)? **Controls** know nothing of the photo: Gaussians, uniform and random maps. What "
        "does not beat them has shown nothing. A map cannot leave the crop that its model saw, so the controls in the "
        "crop are the ones to beat."
    )
)
for setting in (session.MODELS, session.SAMPLES):
    with guard():
        setting.adopt()

chosen = run_picker.choose_run()
if chosen is not None:
    with guard():
        found = run_picker.open_run(chosen)
        run_results.show_about(found)
        view = run_picker.choose_view(found)
        cells = runs.cached_means(found, view.metric)
        differences = runs.cached_differences(found, view.method, view.metric)
        run_results.show_answer(view, differences)
        run_results.show_chart(view, cells, differences)
        photo_examples.show_examples(view)
        st.header(_("The numbers"), divider="gray")
        run_results.show_tables(view, cells, differences)
        run_results.show_failed(found)
        run_results.made_by(found)
        run_results.show_files(found)

st.header(_("Measure a few photos here"), divider="gray")
with guard():
    quick_run.show()
