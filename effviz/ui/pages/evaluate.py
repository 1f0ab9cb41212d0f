"""Evaluate: localisation and faithfulness of maps over many photos, and how scaling changes them."""

import streamlit as st

from effviz.i18n import _
from effviz.ui import glossary, session
from effviz.ui.evaluate import photo_examples, quick_run, run_results, runs
from effviz.ui.guard import guard

st.title(_("Does scaling make maps better?"))
text = _(
    "Class activation maps, scored over many photos: do they mark the object (**localisation**), and does the model "
    "need what they mark (**faithfulness**)? **Controls** are maps computed without looking at the photo: a Gaussian "
    "in the centre, a uniform and a random one. Maps that score no better than a control say nothing about the network."
)
st.markdown(text, help=glossary.tip("localisation", "faithfulness", "control", "gaussian"))
session.adopt(session.MODELS, session.SAMPLES)

chosen = runs.choose_run()
if chosen is not None:
    with guard():
        run = runs.open_run(chosen)
        run_results.show_about(run)
        view = runs.choose_view(run)
        cells = runs.cached_means(run, view.metric)
        differences = runs.cached_differences(run, view.method, view.metric)
        run_results.show_answer(view, differences)
        other_measures = st.empty()
        run_results.show_chart(view, cells, differences)
        photo_examples.show_examples(view)
        with st.expander(_("All numbers")):
            run_results.show_tables(view, cells, differences)
        run_results.show_failed(run)
        run_results.made_by(run)
        run_results.show_files(run)
        run_results.scroll_to_answer()
        run_results.show_other_measures(view, other_measures)

st.header(_("Measure a few photos here"), divider="gray")
with guard():
    quick_run.show()
